-- The precision that was asked for, how the one that ran was made, and what memory was predicted for it.
ALTER TABLE runs ADD COLUMN requested_precision VARCHAR;
ALTER TABLE runs ADD COLUMN recipe VARCHAR;
ALTER TABLE runs ADD COLUMN memory_predicted_mb DOUBLE;
