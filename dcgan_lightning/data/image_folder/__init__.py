"""A user's own folder of pictures: listed, prepared once, served from a verified cache."""
