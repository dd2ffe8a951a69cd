//! What a report says, in each of its forms.

use expect_test::expect;
use pelago_results::reports::Summary;
use serde_json::{Value, json};

use super::*;

fn route(model: &str, platform: &str, verdict: &str, samples_ms: &[f64], quantiles: [Option<f64>; 4]) -> Value {
    let [min_ms, p50_ms, p90_ms, p99_ms] = quantiles;
    json!({
        "model": model, "product": "Chromium", "platform": platform, "precision": 32, "mixed_precision": false,
        "threads": 1, "batch_size": 1, "tokens": 11, "is_real_hardware": false, "runs": 21, "outliers": 0,
        "min_ms": min_ms, "p50_ms": p50_ms, "p90_ms": p90_ms, "p99_ms": p99_ms, "throughput_items_per_sec": 80.0,
        "open_ms": 812.0, "fetch_ms": 95.0, "compile_ms": null, "first_run_ms": null, "memory_peak_mb": null,
        "cosine": 0.999_999, "max_abs_error": 1e-6, "verdict": verdict, "samples_ms": samples_ms,
    })
}

/// A route that did well, and one that gave a broken output and has a name full of markup.
fn two_routes() -> Summary {
    let samples = (0..20).map(|turn| 13.0 + f64::from(turn % 3)).collect::<Vec<_>>();
    let fine = [Some(13.0), Some(14.0), Some(15.0), Some(15.0)];
    serde_json::from_value(json!({
        "version": Summary::VERSION, "generated": "2026-03-04T05:06:07Z", "since": null, "until": null, "model": null,
        "machine": { "os": "linux", "architecture": "x86_64", "cores": 2, "load_average": 0.5,
            "largest_load_of_a_run": 1.25 },
        "browsers": [{ "product": "Chromium", "version": "156.0", "runs": 42 }],
        "adapters": [],
        "routes": [
            route("all-MiniLM-L6-v2", "wasm", "exact", &samples, fine),
            route("<img src=x onerror=alert(1)>|`", "webgpu", "broken", &[1.0; 8], fine),
        ],
        "acceleration": [], "sweep": [],
        "content": { "cache_hit_rate": null, "sources": [], "cache_speedup": null },
        "reliability": { "runs": 42, "broken": 0, "failures": 0, "error_rate": null, "codes": [], "recoveries": 0,
            "recovery_p50_ms": null },
        "efficiency": { "memory_peak_mb": null, "connection_reuse": null, "session_reuse": null },
    }))
    .unwrap()
}

#[test]
fn markdown_lists_every_route_and_no_broken_one_as_a_success() {
    expect![[r#"
        # Pelago: runs of models in browsers

        42 runs. Made 2026-03-04T05:06:07Z.

        ## Machine, browsers, adapters

        linux x86_64, 2 cores, load average 0.50 now, at most 1.25 when a run ended.

        | browser | version | runs |
        | --- | --- | ---: |
        | Chromium | 156.0 | 42 |

        ## Runs by route

        Times in the page, of warm runs, outliers among them. Quantiles interpolate.

        A broken route gave an output that is not one of the model: it has no time.

        | model | route | hardware | runs | warm | outliers | min, ms | p50, ms | p90, ms | p99, ms | rows/s |
        | --- | --- | --- | ---: | ---: | ---: | ---: | ---: | ---: | ---: | ---: |
        | all-MiniLM-L6-v2 | Chromium wasm ×1 32 bit, batch 1, 11 tokens | not real | 21 | 20 | 0 | 13.0 | 14.0 | 15.0 | 15.0 | 80.0 |
        | \<img src=x onerror=alert(1)\>\|\` | Chromium webgpu 32 bit, batch 1, 11 tokens | BROKEN | 21 | 8 | – | – | – | – | – | – |

        ## Parity

        Distance from fp32 on wasm, the worst that was measured.

        | model | route | verdict | cosine | max abs error |
        | --- | --- | --- | ---: | ---: |
        | all-MiniLM-L6-v2 | Chromium wasm ×1 32 bit, batch 1, 11 tokens | exact | 0.999999 | 1.0e-6 |
        | \<img src=x onerror=alert(1)\>\|\` | Chromium webgpu 32 bit, batch 1, 11 tokens | BROKEN | 0.999999 | 1.0e-6 |

        ## Content

        – of the runs needed no byte from a network.

        ## Reliability

        42 runs went well, 0 gave a broken output, 0 failed: – of all went wrong.

        ## Resources

        Memory of a page at most – MiB; – of the runs found browser and connection open, – the model's session.
    "#]].assert_eq(&markdown(&two_routes()));
}

#[test]
fn html_is_whole_escaped_and_needs_nothing_from_outside() {
    let html = html(&two_routes());
    assert!(html.starts_with("<!doctype html>") && html.trim_end().ends_with("</html>"));
    assert!(!html.contains("<img") && !html.contains("<script") && html.contains("&lt;img src=x"), "{html}");
    // The name of SVG's own namespace is no address that anything is loaded from.
    let addresses = html.replace("http://www.w3.org/2000/svg", "");
    assert!(!addresses.contains("http") && !addresses.contains("url(") && !addresses.contains("@import"), "{html}");
    assert!(html.contains("class=\"bad\">BROKEN<"), "{html}");
}
