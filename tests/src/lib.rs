//! What holds for the workspace as a whole is tested under `tests/`; this library has nothing of its own.
