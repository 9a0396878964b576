"""The books of neural models, over a tiny one that is trained here."""

import os
import shutil

import pytest

from backend.prompt.translator import TranslatorError
from backend.prompt.translators import TranslatorSettings, open_translator
from backend.prompt.translators.ctranslate2_model import CTranslate2Model
from backend.prompt.translators.transformers_model.book import TransformersModel
from tests.contract.prompt.tiny_marian import PHRASES, make_marian


@pytest.fixture(scope="module")
def marian(tmp_path_factory):
    folder = tmp_path_factory.mktemp("marian")
    make_marian(folder)
    return folder


@pytest.fixture(scope="module")
def converted(marian, tmp_path_factory):
    from ctranslate2.converters import TransformersConverter

    folder = tmp_path_factory.mktemp("converted") / "model"
    copied = ["source.spm", "target.spm"]
    TransformersConverter(str(marian), copy_files=copied).convert(str(folder))
    return folder


@pytest.fixture(scope="module")
def beside(marian):
    book = open_translator(TranslatorSettings(name="transformers", model=str(marian)))
    assert isinstance(book, TransformersModel)
    yield book
    book.close()


def test_a_converted_model_translates_in_this_process(converted):
    book = open_translator(TranslatorSettings(name="ctranslate2", model=str(converted)))
    assert book.reads("es")
    assert book.translate(list(PHRASES), language="es") == list(PHRASES.values())


def test_each_language_has_its_own_folder(converted, tmp_path):
    shutil.copytree(converted, tmp_path / "es-en")
    book = CTranslate2Model(folder=tmp_path)
    assert book.reads("es")
    assert not book.reads("fr")
    assert book.translate(["la nieve"], language="es") == ["the snow"]
    with pytest.raises(TranslatorError):
        book.translate(["la neige"], language="fr")


def test_a_model_beside_this_process_translates_the_same(beside):
    assert beside.translate(list(PHRASES), language="es") == list(PHRASES.values())


def test_a_process_that_was_killed_is_begun_anew(beside):
    assert beside.translate(["la nieve"], language="es") == ["the snow"]
    first = beside._process._ran.pid
    os.kill(first, 9)
    with pytest.raises(TranslatorError):
        beside.translate(["la nieve"], language="es")
    assert beside.translate(["la nieve"], language="es") == ["the snow"]
    assert beside._process._ran.pid != first


def test_a_process_that_hangs_is_ended(marian):
    book = TransformersModel(model=str(marian), answer_s=0.01)
    with pytest.raises(TranslatorError):
        book.translate(["la nieve"], language="es")
    assert book._process is None


def test_what_is_no_model_is_an_error(tmp_path):
    book = TransformersModel(model=str(tmp_path))
    try:
        with pytest.raises(TranslatorError, match="cannot be opened"):
            book.translate(["la nieve"], language="es")
    finally:
        book.close()
    with pytest.raises(TranslatorError):
        CTranslate2Model(folder=tmp_path).translate(["la nieve"], language="es")
    with pytest.raises(TranslatorError):
        CTranslate2Model(folder=tmp_path / "nowhere")
