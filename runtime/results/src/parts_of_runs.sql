-- Versions before 5 recorded one graph a run, and its phases as columns of the run.
INSERT INTO run_sessions
    SELECT run_id, 0, 'model', graph_cid, graph, platform, execution_provider, nodes_total, nodes_on_provider,
           nodes_shape_arithmetic, fallback_operators, shape_operators, threads, adapter_vendor, adapter_architecture,
           adapter_device, adapter_description, adapter_is_fallback, is_real_hardware, hardware_reason, warm
    FROM runs WHERE run_id NOT IN (SELECT run_id FROM run_sessions);

INSERT INTO run_phases
    SELECT run_id, row_number() OVER (PARTITION BY run_id ORDER BY place) - 1, phase, role, ms FROM (
        SELECT run_id, 0 AS place, 'open' AS phase, NULL AS role, open_ms AS ms FROM runs
        UNION ALL SELECT run_id, 1, 'fetch', 'model', fetch_ms FROM runs
        UNION ALL SELECT run_id, 2, 'compile', 'model', compile_ms FROM runs
        UNION ALL SELECT run_id, 3, 'first_run', 'model', first_run_ms FROM runs
        UNION ALL SELECT run_id, 4, 'tokenize', NULL, tokenize_ms FROM runs
        UNION ALL SELECT run_id, 5, 'run', 'model', run_ms FROM runs
        UNION ALL SELECT run_id, 6, 'pool', NULL, pool_ms FROM runs
    ) WHERE ms IS NOT NULL AND run_id NOT IN (SELECT run_id FROM run_phases);
