-- Each graph that ran with the proof of its device, each phase with the graph that it was for, and the memory of all
-- the browser's processes. `runs` keeps the first graph's proof and each phase's time of all graphs together.
ALTER TABLE runs ADD COLUMN browser_memory_mb DOUBLE;

CREATE TABLE run_sessions (
    run_id VARCHAR,
    number UINTEGER,
    role VARCHAR,
    graph_cid VARCHAR,
    graph VARCHAR,
    platform VARCHAR,
    execution_provider VARCHAR,
    nodes_total UINTEGER,
    nodes_on_provider UINTEGER,
    nodes_shape_arithmetic UINTEGER,
    fallback_operators VARCHAR[],
    shape_operators VARCHAR[],
    threads UINTEGER,
    adapter_vendor VARCHAR,
    adapter_architecture VARCHAR,
    adapter_device VARCHAR,
    adapter_description VARCHAR,
    adapter_is_fallback BOOLEAN,
    is_real_hardware BOOLEAN,
    hardware_reason VARCHAR,
    warm BOOLEAN,
    PRIMARY KEY (run_id, number)
);

CREATE TABLE run_phases (
    run_id VARCHAR,
    number UINTEGER,
    phase VARCHAR,
    role VARCHAR,
    ms DOUBLE,
    PRIMARY KEY (run_id, number)
);

CREATE OR REPLACE VIEW phases AS SELECT run_id, phase, sum(ms) AS ms FROM run_phases GROUP BY ALL;
