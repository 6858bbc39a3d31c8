"""From messages to token ids, exactly: chat templates, transcripts, special tokens."""
