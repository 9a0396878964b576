"""Real models that read and write many languages: M2M-100's and NLLB's shapes, very small.

What they have learnt by heart depends on the names of both languages: a word that is a donkey in
Spanish is butter in Italian, and the same word is put into French as well as into English. So a
translation is right only where source and target are named as the published models want it.
"""

import io
import json

WORDS = ("burro", "gift", "mar de noche")
# Source language, word, target language: what it is there.
LESSONS = {
    ("es", "burro", "en"): "a donkey",
    ("es", "burro", "fr"): "un ane",
    ("it", "burro", "en"): "some butter",
    ("it", "burro", "fr"): "du beurre",
    ("de", "gift", "en"): "poison",
    ("de", "gift", "fr"): "du poison",
    ("nl", "gift", "en"): "a present",
    ("nl", "gift", "fr"): "un cadeau",
    ("es", "mar de noche", "en"): "the sea at night",
    ("es", "mar de noche", "fr"): "la mer de nuit",
}
STEPS_MAX = 800
# Words that the published models have behind the names of languages.
MADE_UP = 8


def make_m2m100(folder):
    """Train a model whose tokenizer names languages as `__es__`, and write it."""
    from transformers import M2M100Tokenizer

    pieces = _write_pieces(folder)
    names = ["<s>", "<pad>", "</s>", "<unk>", *(one for one in pieces if one not in _SPECIAL)]
    (folder / "vocab.json").write_text(
        json.dumps({name: at for at, name in enumerate(names)}), encoding="utf-8"
    )
    files = (str(folder / "vocab.json"), str(folder / _PIECES))
    # Published tokenizers name the languages among their special tokens.
    languages = list(M2M100Tokenizer(*files).lang_code_to_token.values())
    tokenizer = M2M100Tokenizer(*files, extra_special_tokens=languages)
    # The last of a hundred languages stands at the end.
    _make(folder, tokenizer, last=tokenizer.get_lang_id("zu"), codes={})


def make_nllb(folder):
    """Train a model whose tokenizer names languages as `spa_Latn`, and write it."""
    from transformers import NllbTokenizer

    from backend.prompt.nllb import NLLB

    _write_pieces(folder)
    codes = {**NLLB, "en": "eng_Latn"}
    languages = list(codes.values())
    tokenizer = NllbTokenizer.from_pretrained(str(folder), extra_special_tokens=languages)
    _make(folder, tokenizer, last=max(tokenizer.get_vocab().values()), codes=codes)


_PIECES = "sentencepiece.bpe.model"
_SPECIAL = ("<unk>", "<s>", "</s>")


def _write_pieces(folder):
    """Cut all texts into pieces as the published models do, and return the pieces."""
    import sentencepiece

    written = io.BytesIO()
    sentencepiece.SentencePieceTrainer.train(
        sentence_iterator=iter([*(word for _, word, _ in LESSONS), *LESSONS.values()] * 4),
        model_writer=written,
        model_type="bpe",
        vocab_size=60,
        minloglevel=2,
    )
    (folder / _PIECES).write_bytes(written.getvalue())
    pieces = sentencepiece.SentencePieceProcessor(model_proto=written.getvalue())
    return [pieces.id_to_piece(at) for at in range(pieces.get_piece_size())]


def _make(folder, tokenizer, *, last, codes):
    import torch
    from transformers import M2M100Config, M2M100ForConditionalGeneration

    torch.manual_seed(0)
    model = M2M100ForConditionalGeneration(
        M2M100Config(
            vocab_size=last + 1 + MADE_UP,
            d_model=32,
            encoder_layers=1,
            decoder_layers=1,
            encoder_attention_heads=2,
            decoder_attention_heads=2,
            encoder_ffn_dim=64,
            decoder_ffn_dim=64,
            max_position_embeddings=64,
            dropout=0.0,
            attention_dropout=0.0,
            activation_dropout=0.0,
            encoder_layerdrop=0.0,
            decoder_layerdrop=0.0,
            scale_embedding=True,
            pad_token_id=tokenizer.pad_token_id,
            bos_token_id=tokenizer.bos_token_id,
            eos_token_id=tokenizer.eos_token_id,
            decoder_start_token_id=tokenizer.eos_token_id,
        )
    )
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        _teach(model, tokenizer, codes)
    finally:
        torch.set_num_threads(threads)
    tokenizer.save_pretrained(folder)
    model.save_pretrained(folder)


def _teach(model, tokenizer, codes):
    """Repeat the lessons until they are known."""
    import torch

    source, labels = [], []
    for (language, word, target), said in LESSONS.items():
        tokenizer.src_lang = codes.get(language, language)
        tokenizer.tgt_lang = codes.get(target, target)
        read = tokenizer(word, text_target=said)
        source.append(read["input_ids"])
        labels.append(read["labels"])
    pad = tokenizer.pad_token_id
    given, wanted = _padded(source, pad), _padded(labels, -100)
    optimizer = torch.optim.Adam(model.parameters(), lr=0.01)
    for _ in range(STEPS_MAX):
        out = model(input_ids=given, attention_mask=(given != pad).long(), labels=wanted)
        optimizer.zero_grad()
        out.loss.backward()
        optimizer.step()
        # Which language is written is asked for, and cannot be learnt: the rest is what counts.
        right = (out.logits.argmax(-1) == wanted) | (wanted == -100)
        if right[:, 1:].all() and _loss_behind(out.logits, wanted) < 0.02:
            return
    raise AssertionError(f"it did not learn: {out.loss.item()}")


def _loss_behind(logits, wanted):
    """Return the loss of what follows the name of the language."""
    from torch.nn import functional

    return functional.cross_entropy(
        logits[:, 1:].flatten(0, 1), wanted[:, 1:].flatten(), ignore_index=-100
    ).item()


def _padded(rows, filler):
    import torch

    longest = max(map(len, rows))
    return torch.tensor([row + [filler] * (longest - len(row)) for row in rows])
