"""How people come out in many pictures of one model: a measure of the model, not of a picture."""
