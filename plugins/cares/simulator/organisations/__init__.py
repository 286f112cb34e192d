"""What each organisation sends of what happened: a module for each of them, with a `feeds` that lists what it sends."""
