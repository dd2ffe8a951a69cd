-- How far the output was from fp32, in full, and how busy the machine was.
ALTER TABLE runs ADD COLUMN parity_relative_error DOUBLE;
ALTER TABLE runs ADD COLUMN parity_top1_agreement DOUBLE;
ALTER TABLE runs ADD COLUMN parity_nan_count UBIGINT;
ALTER TABLE runs ADD COLUMN parity_verdict VARCHAR;
ALTER TABLE runs ADD COLUMN load_average DOUBLE;

-- One row a combination of a sweep.
CREATE TABLE sweeps (
    sweep_id VARCHAR,
    model_name VARCHAR,
    model_cid VARCHAR,
    browser VARCHAR,
    browser_product VARCHAR,
    browser_version VARCHAR,
    platform VARCHAR,
    precision UTINYINT,
    mixed_precision BOOLEAN,
    outcome VARCHAR,
    problem VARCHAR,
    is_real_hardware BOOLEAN,
    runs UINTEGER,
    outliers UINTEGER,
    min_ms DOUBLE,
    p50_ms DOUBLE,
    p90_ms DOUBLE,
    p99_ms DOUBLE,
    throughput_items_per_sec DOUBLE,
    speedup DOUBLE,
    speedup_low DOUBLE,
    speedup_high DOUBLE,
    open_ms DOUBLE,
    fetch_ms DOUBLE,
    compile_ms DOUBLE,
    first_run_ms DOUBLE,
    tokenize_ms DOUBLE,
    run_ms DOUBLE,
    pool_ms DOUBLE,
    memory_usage_mb DOUBLE,
    model_bytes UBIGINT,
    parity_cosine DOUBLE,
    parity_max_abs_error DOUBLE,
    parity_relative_error DOUBLE,
    parity_top1_agreement DOUBLE,
    parity_nan_count UBIGINT,
    parity_verdict VARCHAR,
    recorded TIMESTAMP WITH TIME ZONE,
    load_average DOUBLE,
    PRIMARY KEY (sweep_id, browser, browser_product, browser_version, platform, precision, mixed_precision)
);

-- Runs that a browser was asked for and that ended in an error.
CREATE TABLE failures (
    failure_id VARCHAR PRIMARY KEY,
    started TIMESTAMP WITH TIME ZONE,
    model_name VARCHAR,
    model_cid VARCHAR,
    browser VARCHAR,
    platform VARCHAR,
    precision UTINYINT,
    mixed_precision BOOLEAN,
    code VARCHAR,
    message VARCHAR,
    total_time DOUBLE,
    load_average DOUBLE
);

-- The first run of the same session that went well after a failure.
CREATE TABLE recoveries (failure_id VARCHAR PRIMARY KEY, run_id VARCHAR);

-- What each source on the network gave for a run.
CREATE TABLE transfers (
    run_id VARCHAR,
    source VARCHAR,
    kind VARCHAR,
    bytes UBIGINT,
    blocks UBIGINT,
    rate DOUBLE,
    latency_ms DOUBLE,
    errors DOUBLE,
    PRIMARY KEY (run_id, source)
);

-- Nothing below holds anything of its own.
CREATE VIEW phases AS
    SELECT run_id, phase, ms FROM (
        UNPIVOT (SELECT run_id, open_ms, fetch_ms, compile_ms, first_run_ms, tokenize_ms, run_ms, pool_ms FROM runs)
        ON open_ms AS 'open', fetch_ms AS 'fetch', compile_ms AS 'compile', first_run_ms AS 'first_run',
           tokenize_ms AS 'tokenize', run_ms AS 'run', pool_ms AS 'pool'
        INTO NAME phase VALUE ms
    );

CREATE VIEW adapters AS
    SELECT browser, browser_product, browser_version, adapter_vendor AS vendor, adapter_architecture AS architecture,
           adapter_device AS device, adapter_description AS description, adapter_is_fallback AS is_fallback,
           bool_or(is_real_hardware) AS is_real_hardware, min(started) AS first_run, max(started) AS last_run,
           count(*)::UBIGINT AS runs
    FROM runs WHERE adapter_vendor IS NOT NULL GROUP BY ALL;

CREATE VIEW parity AS
    SELECT run_id, NULL::VARCHAR AS sweep_id, started, model_name, model_cid, browser, browser_product, platform,
           precision, mixed_precision, parity_cosine AS cosine, parity_max_abs_error AS max_abs_error,
           parity_relative_error AS relative_error, parity_top1_agreement AS top1_agreement,
           parity_nan_count AS nan_count, parity_verdict AS verdict
    FROM runs WHERE parity_cosine IS NOT NULL
    UNION ALL
    SELECT NULL, sweep_id, recorded, model_name, model_cid, browser, browser_product, platform, precision,
           mixed_precision, parity_cosine, parity_max_abs_error, parity_relative_error, parity_top1_agreement,
           parity_nan_count, parity_verdict
    FROM sweeps WHERE parity_cosine IS NOT NULL;

-- Bytes of a run's model by where they came from: a tier of this machine, or a source on the network. What came over
-- the network was read from the disk afterwards and counts once, where it came from.
CREATE VIEW content AS
    SELECT run_id, 'memory' AS source, 'memory' AS kind, bytes_memory AS bytes, NULL::DOUBLE AS rate,
           ipfs_load_time / 1000 AS run_seconds
    FROM runs WHERE bytes_memory > 0
    UNION ALL
    SELECT run_id, 'disk', 'disk', bytes_disk - least(bytes_disk, bytes_p2p + bytes_ipfs), NULL, ipfs_load_time / 1000
    FROM runs WHERE bytes_disk > bytes_p2p + bytes_ipfs
    UNION ALL
    SELECT run_id, source, kind, bytes, rate, ipfs_load_time / 1000
    FROM transfers JOIN runs USING (run_id) WHERE bytes > 0;
