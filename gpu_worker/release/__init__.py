"""The only way pixels leave: screen, mark, store, each stage typed by the last."""
