"""The books of neural models over tiny ones of M2M-100's and NLLB's shapes, trained here."""

import pytest

from backend.prompt.translator import TranslatorError
from backend.prompt.translators import TranslatorSettings, open_translator
from backend.prompt.translators.ctranslate2_model import CTranslate2Model
from backend.prompt.translators.transformers_model.book import TransformersModel
from backend.prompt.translators.transformers_model.runner import Model
from tests.contract.prompt.tiny_many import LESSONS, make_m2m100, make_nllb

ENGLISH = {(here, word): said for (here, word, there), said in LESSONS.items() if there == "en"}


@pytest.fixture(scope="module", params=[make_m2m100, make_nllb])
def folder(request, tmp_path_factory):
    folder = tmp_path_factory.mktemp("many")
    request.param(folder)
    return folder


@pytest.fixture(scope="module")
def converted(folder):
    from ctranslate2.converters import TransformersConverter

    made = folder.parent / f"{folder.name}-converted"
    TransformersConverter(str(folder), copy_files=["sentencepiece.bpe.model"]).convert(str(made))
    return made


def test_a_word_means_what_it_means_in_its_language(folder):
    book = open_translator(TranslatorSettings(name="transformers", model=str(folder)))
    assert isinstance(book, TransformersModel)
    try:
        for (language, word), said in ENGLISH.items():
            assert book.translate([word], language=language) == [said]
        with pytest.raises(TranslatorError):
            book.translate(["burro"], language="tlh")
    finally:
        book.close()


def test_so_it_does_once_the_model_is_converted(converted):
    book = open_translator(TranslatorSettings(name="ctranslate2", model=str(converted)))
    for (language, word), said in ENGLISH.items():
        assert book.reads(language)
        assert book.translate([word, word], language=language) == [said, said]
    assert not book.reads("tlh")
    assert not book.reads("")


def test_english_has_to_be_asked_for(folder, converted, monkeypatch):
    """The same models write French just as well, where that is what their first word must be."""
    model = Model(str(folder))
    french = model._name_languages("es")
    tokenizer = model._tokenizer
    is_nllb = "fra_Latn" in tokenizer.get_vocab()
    name = "fra_Latn" if is_nllb else "__fr__"
    french["forced_bos_token_id"] = tokenizer.convert_tokens_to_ids(name)
    monkeypatch.setattr(model, "_name_languages", lambda language: french)
    assert model.translate(["burro"], "es") == [LESSONS["es", "burro", "fr"]]
    opened = CTranslate2Model(folder=converted)._open("es")
    before, _ = opened._marks("es")
    monkeypatch.setattr(opened, "_marks", lambda language: (before, [name]))
    assert opened.translate(["burro"], "es") == [LESSONS["es", "burro", "fr"]]
