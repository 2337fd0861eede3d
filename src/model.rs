//! Speech models: the list, installing, importing from CTranslate2, checking ggml files.
