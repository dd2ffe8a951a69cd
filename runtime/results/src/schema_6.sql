-- What was done with the model, and of text that was made, how: one row a run.
ALTER TABLE runs ADD COLUMN task VARCHAR;

CREATE TABLE run_generations (
    run_id VARCHAR PRIMARY KEY,
    prompt_tokens UBIGINT,
    new_tokens UBIGINT,
    time_to_first_token_ms DOUBLE,
    prefill_tokens_per_sec DOUBLE,
    decode_tokens_per_sec DOUBLE,
    nodes_per_token UINTEGER,
    kv_cache_mb DOUBLE,
    kv_cache_tokens UINTEGER,
    captured BOOLEAN,
    not_captured VARCHAR,
    stop VARCHAR[],
    temperature DOUBLE,
    top_k UINTEGER,
    top_p DOUBLE,
    min_p DOUBLE,
    repetition_penalty DOUBLE,
    frequency_penalty DOUBLE,
    presence_penalty DOUBLE,
    seed UINTEGER,
    beams UINTEGER,
    has_schema BOOLEAN
);

-- How far text that was made is from the reference's, and how fast a sweep's combinations made it.
ALTER TABLE runs ADD COLUMN parity_first_different_token UINTEGER;
ALTER TABLE runs ADD COLUMN parity_mean_kl_divergence DOUBLE;
ALTER TABLE runs ADD COLUMN parity_perplexity DOUBLE;
ALTER TABLE runs ADD COLUMN parity_perplexity_difference DOUBLE;
ALTER TABLE sweeps ADD COLUMN parity_first_different_token UINTEGER;
ALTER TABLE sweeps ADD COLUMN parity_mean_kl_divergence DOUBLE;
ALTER TABLE sweeps ADD COLUMN parity_perplexity DOUBLE;
ALTER TABLE sweeps ADD COLUMN parity_perplexity_difference DOUBLE;
ALTER TABLE sweeps ADD COLUMN new_tokens UBIGINT;
ALTER TABLE sweeps ADD COLUMN time_to_first_token_ms DOUBLE;
ALTER TABLE sweeps ADD COLUMN prefill_tokens_per_sec DOUBLE;
ALTER TABLE sweeps ADD COLUMN decode_tokens_per_sec DOUBLE;
ALTER TABLE sweeps ADD COLUMN kv_cache_mb DOUBLE;
ALTER TABLE sweeps ADD COLUMN captured BOOLEAN;
