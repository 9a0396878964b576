"""A glossary of what is on pictures, in ten languages, that translates word by word."""
