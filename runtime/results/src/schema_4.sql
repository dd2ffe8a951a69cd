-- Where the graph came from, what is done with texts beside it, and what a distance was measured from.
ALTER TABLE runs ADD COLUMN graph VARCHAR;
ALTER TABLE runs ADD COLUMN modules VARCHAR[];
ALTER TABLE runs ADD COLUMN prompt VARCHAR;
ALTER TABLE runs ADD COLUMN similarity VARCHAR;
ALTER TABLE runs ADD COLUMN padded_tokens UBIGINT;
ALTER TABLE runs ADD COLUMN truncated_texts UBIGINT;
ALTER TABLE runs ADD COLUMN warnings VARCHAR[];
ALTER TABLE runs ADD COLUMN parity_reference VARCHAR;
