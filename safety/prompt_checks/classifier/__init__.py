"""A learned second opinion: what a prompt speaks of, by the meaning of its words.

A text is read as plain words (`reading`), each word is a small vector in which words of one meaning
lie close whatever their language (`words.npz`), and a little network looks at a few words in a row
(`network`, `network.npz`). `training/` holds what it learned from and the scripts that made it.
"""
