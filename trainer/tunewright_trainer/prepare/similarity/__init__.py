"""What the checks that compare rows with each other share: words, n-grams, MinHash signatures, buckets, exact similarity.

Nothing here knows what is done about rows that are alike. All hashes are seeded and the same on every machine."""
