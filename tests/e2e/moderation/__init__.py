"""Every path of moderation, driven through the offline Discord as people drive it."""
