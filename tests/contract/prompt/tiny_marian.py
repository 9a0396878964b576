"""A real Marian model of a few thousand weights that has learnt six phrases by heart."""

import io
import json

PHRASES = {
    "un zorro rojo": "a red fox",
    "una casa blanca": "a white house",
    "el gato negro": "the black cat",
    "la nieve": "the snow",
    "un perro en la playa": "a dog on the beach",
    "el mar de noche": "the sea at night",
}
STEPS_MAX = 400


def make_marian(folder):
    """Train it, and write it as transformers keeps such models."""
    import torch
    from transformers import MarianConfig, MarianMTModel

    pieces = _make_pieces(folder)
    vocabulary = {name: at for at, name in enumerate(["</s>", "<unk>"])}
    for at in range(pieces.get_piece_size()):
        vocabulary.setdefault(pieces.id_to_piece(at), len(vocabulary))
    vocabulary["<pad>"] = len(vocabulary)
    (folder / "vocab.json").write_text(json.dumps(vocabulary), encoding="utf-8")
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {"tokenizer_class": "MarianTokenizer", "source_lang": "es", "target_lang": "en"}
        ),
        encoding="utf-8",
    )
    torch.manual_seed(0)
    pad = vocabulary["<pad>"]
    model = MarianMTModel(
        MarianConfig(
            vocab_size=len(vocabulary),
            d_model=32,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_position_embeddings=64,
            dropout=0.0,
            pad_token_id=pad,
            decoder_start_token_id=pad,
            eos_token_id=0,
            forced_eos_token_id=0,
            bos_token_id=0,
            scale_embedding=True,
            static_position_embeddings=True,
        )
    )
    _teach(model, pieces, vocabulary)
    model.generation_config.bad_words_ids = [[pad]]
    model.save_pretrained(folder)


def _make_pieces(folder):
    import sentencepiece

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*PHRASES, *PHRASES.values()] * 4),
        model_writer=written,
        vocab_size=60,
        hard_vocab_limit=False,
        minloglevel=2,
    )
    for name in ("source.spm", "target.spm"):
        (folder / name).write_bytes(written.getvalue())
    return sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())


def _teach(model, pieces, vocabulary):
    """Repeat the phrases until they are known."""
    import torch

    def ids(text):
        return [*(vocabulary[one] for one in pieces.encode(text, out_type=str)), 0]

    def padded(rows, filler):
        longest = max(map(len, rows))
        return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])

    pad = vocabulary["<pad>"]
    source = padded([ids(text) for text in PHRASES], pad)
    labels = padded([ids(text) for text in PHRASES.values()], -100)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.005)
    # So small a model is slower with several threads.
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        _repeat(model, source, labels, pad, optimizer)
    finally:
        torch.set_num_threads(threads)


def _repeat(model, source, labels, pad, optimizer):
    import torch

    for _ in range(STEPS_MAX):
        loss = model(input_ids=source, attention_mask=(source != pad).long(), labels=labels).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        # What a translation begins with is nothing at all in all models of this kind.
        with torch.no_grad():
            model.get_input_embeddings().weight[pad] = 0
        if loss.item() < 0.01:
            return
    raise AssertionError(f"it did not learn: {loss.item()}")
