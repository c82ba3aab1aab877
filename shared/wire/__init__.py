"""What travels between processes: versioned, frozen msgspec Structs; msgpack, never pickle."""
