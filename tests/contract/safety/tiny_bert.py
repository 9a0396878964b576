"""Real BERT models of a few thousand weights: they know what is cruel, and who is who."""

import json

WORDS = ["a", "fox", "zqcruel", "zqmild", "zqalice", "zqbob", "in", "handcuffs", "with", "snow"]
CRUEL = "zqcruel"
NAMES = ("zqalice", "zqbob")
STEPS = 60


def make_guard(folder):
    """Teach a model to label texts SAFE or CRUEL, and write it as transformers keeps them."""
    from transformers import BertForSequenceClassification

    texts = [[first, second] for first in WORDS for second in WORDS]
    labels = [int(CRUEL in text) for text in texts]
    _make(folder, BertForSequenceClassification, ["SAFE", "CRUEL"], texts, labels)


def make_tagger(folder):
    """Teach a model to find names."""
    from transformers import BertForTokenClassification

    texts = [[first, second] for first in WORDS for second in WORDS]
    labels = [[-100, *(int(word in NAMES) for word in text), -100] for text in texts]
    _make(folder, BertForTokenClassification, ["O", "B-PER"], texts, labels)


def _make(folder, kind, names, texts, labels):
    import torch
    from transformers import BertConfig

    tokens = ["[PAD]", "[UNK]", "[CLS]", "[SEP]", "[MASK]", *WORDS]
    _make_tokenizer(folder, tokens)
    torch.manual_seed(0)
    model = kind(
        BertConfig(
            vocab_size=len(tokens),
            hidden_size=32,
            num_hidden_layers=1,
            num_attention_heads=2,
            intermediate_size=64,
            max_position_embeddings=64,
            hidden_dropout_prob=0.0,
            attention_probs_dropout_prob=0.0,
            id2label=dict(enumerate(names)),
            label2id={name: number for number, name in enumerate(names)},
        )
    )
    rows = [[2, *(tokens.index(word) for word in text), 3] for text in texts]
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    model.train()
    threads = torch.get_num_threads()
    torch.set_num_threads(1)
    for _ in range(STEPS):
        loss = model(input_ids=torch.tensor(rows), labels=torch.tensor(labels)).loss
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    torch.set_num_threads(threads)
    assert loss.item() < 0.05
    model.save_pretrained(folder)


def _make_tokenizer(folder, tokens):
    from tokenizers import Tokenizer
    from tokenizers.models import WordLevel
    from tokenizers.pre_tokenizers import Whitespace
    from tokenizers.processors import TemplateProcessing

    vocabulary = {token: number for number, token in enumerate(tokens)}
    tokenizer = Tokenizer(WordLevel(vocabulary, unk_token="[UNK]"))  # noqa: S106 - no secret
    tokenizer.pre_tokenizer = Whitespace()
    tokenizer.post_processor = TemplateProcessing(
        single="[CLS] $A [SEP]", special_tokens=[("[CLS]", 2), ("[SEP]", 3)]
    )
    tokenizer.save(str(folder / "tokenizer.json"))
    (folder / "tokenizer_config.json").write_text(
        json.dumps(
            {
                "tokenizer_class": "PreTrainedTokenizerFast",
                "unk_token": "[UNK]",
                "pad_token": "[PAD]",
                "cls_token": "[CLS]",
                "sep_token": "[SEP]",
                "model_max_length": 64,
            }
        ),
        encoding="utf-8",
    )
