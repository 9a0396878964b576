"""Where pictures live: keys by content, formats, thumbnails, signed links."""
