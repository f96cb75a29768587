"""Events of other systems as our types."""
