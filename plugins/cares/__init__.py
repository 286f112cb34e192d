"""St Helens Cares: the fragments of a person's care, put together."""
