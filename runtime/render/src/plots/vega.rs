//! Charts as specifications of Vega-Lite 5, their data within: they load nothing.

use pelago_protocol::chart::{Chart, Figure};
use serde_json::{Value, json};

const SCHEMA: &str = "https://vega.github.io/schema/vega-lite/v5.json";

pub(super) fn specification(chart: &Chart) -> Value {
    let (values, body) = match &chart.figure {
        Figure::Bars { axis, bars } => {
            let values = bars.iter().map(|bar| {
                let [low, high] = bar.interval.map_or([Value::Null, Value::Null], |ends| ends.map(Value::from));
                json!({ "label": bar.label, "group": bar.group, "value": bar.value, "low": low, "high": high })
            });
            let y = json!({ "field": "label", "type": "nominal", "sort": null, "title": null, "axis": { "labelLimit": 320 } });
            let x = |field: &str| json!({ "field": field, "type": "quantitative", "title": axis });
            let body = json!({ "layer": [
                { "mark": { "type": "bar", "tooltip": true },
                  "encoding": { "y": y, "x": x("value"), "color": colour("group") } },
                { "mark": { "type": "rule" }, "transform": [{ "filter": "isValid(datum.low)" }],
                  "encoding": { "y": y, "x": x("low"), "x2": { "field": "high" } } },
            ] });
            (values.collect(), body)
        }
        Figure::Scatter { x_axis, y_axis, points } => {
            let values = points.iter().map(|point| {
                json!({ "label": point.label, "mark": point.mark, "group": point.group, "x": point.x.max(1e-8),
                        "y": point.y.max(1e-8), "broken": point.is_broken })
            });
            let place = |field: &str, title: &str| json!({ "field": field, "type": "quantitative", "title": title, "scale": { "type": "log", "nice": true } });
            let (x, y) = (place("x", x_axis), place("y", y_axis));
            let shape = json!({ "field": "broken", "type": "nominal",
                                "scale": { "domain": [false, true], "range": ["circle", "cross"] } });
            let body = json!({ "layer": [
                { "mark": { "type": "point", "filled": true, "size": 80 },
                  "encoding": { "x": x, "y": y, "color": colour("group"), "shape": shape,
                                "tooltip": [{ "field": "label" }, { "field": "x" }, { "field": "y" }] } },
                { "mark": { "type": "text", "dx": 12 },
                  "encoding": { "x": x, "y": y, "text": { "field": "mark" } } },
            ] });
            (values.collect(), body)
        }
        Figure::HeatMap { axis, rows, columns, cells } => {
            let mut values = Vec::new();
            for (row, found) in rows.iter().zip(cells) {
                for (column, value) in columns.iter().zip(found) {
                    values.push(json!({ "row": row, "column": column, "value": value }));
                }
            }
            let place = |field: &str| json!({ "field": field, "type": "nominal", "sort": null, "title": null });
            let (x, y) = (place("column"), place("row"));
            let heat = json!({ "field": "value", "type": "quantitative", "title": axis,
                               "scale": { "type": "log", "scheme": "blues", "reverse": true } });
            let body = json!({ "layer": [
                { "mark": { "type": "rect", "tooltip": true }, "encoding": { "x": x, "y": y, "color": heat } },
                { "mark": { "type": "text" },
                  "encoding": { "x": x, "y": y, "text": { "field": "value", "format": ".3~g" } } },
            ] });
            (values, body)
        }
        Figure::Waterfall { axis, lanes } => {
            let mut values = Vec::new();
            for lane in lanes {
                let mut begin = 0.0;
                for span in lane.spans.iter().filter(|span| span.length.is_finite()) {
                    values.push(
                        json!({ "label": lane.label, "phase": span.name, "from": begin, "to": begin + span.length }),
                    );
                    begin += span.length;
                }
            }
            let body = json!({ "mark": { "type": "bar", "tooltip": true }, "encoding": {
                "y": { "field": "label", "type": "nominal", "sort": null, "title": null, "axis": { "labelLimit": 320 } },
                "x": { "field": "from", "type": "quantitative", "title": axis }, "x2": { "field": "to" },
                "color": colour("phase"),
            } });
            (values, body)
        }
    };
    let values: Vec<Value> = values;
    let mut specification = json!({ "$schema": SCHEMA, "title": chart.title, "data": { "values": values } });
    if let (Value::Object(whole), Value::Object(body)) = (&mut specification, body) {
        whole.extend(body);
    }
    specification
}

fn colour(field: &str) -> Value {
    json!({ "field": field, "type": "nominal", "sort": null, "title": null })
}
