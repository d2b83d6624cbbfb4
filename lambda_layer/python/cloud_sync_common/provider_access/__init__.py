"""What several steps do with a provider: call it with the stored token, renew that token, walk over its listing."""
