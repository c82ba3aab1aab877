"""The short way of an exact hit: past the framework, with the same answer as the long one."""
