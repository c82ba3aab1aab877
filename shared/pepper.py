"""The secret with which API keys are hashed before they are stored."""

import hashlib
import hmac

from shared.secret import Secret

_DEVELOPMENT = b"sentinel/development-pepper"


def pepper_of(key_pepper: Secret | None, fingerprint_secret: Secret | None) -> bytes:
    """The pepper that is set, else one made from the fingerprint secret, else a well-known one."""
    if key_pepper is not None:
        return key_pepper.reveal().encode()
    if fingerprint_secret is not None:
        return hmac.digest(fingerprint_secret.reveal().encode(), b"sentinel/pepper", hashlib.sha256)
    return _DEVELOPMENT
