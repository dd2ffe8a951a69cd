//! Charts of a report. A broken route has no mark among those that did well.

use pelago_protocol::chart::{Bar, Chart, Figure, Lane, Point, Span};

use super::{RouteSummary, Summary};

/// Bars and lanes of a chart at most: more are in the tables.
const LINES: usize = 40;

/// The charts that have a mark.
pub(super) fn charts(summary: &Summary) -> Vec<Chart> {
    let all = [latency(summary), accuracy(summary), heat_map(summary), phases(summary)];
    all.into_iter().flatten().collect()
}

fn label(route: &RouteSummary, summary: &Summary) -> String {
    let one = summary.routes.iter().all(|other| other.model == route.model);
    if one { route.label() } else { format!("{}: {}", route.model, route.label()) }
}

fn latency(summary: &Summary) -> Option<Chart> {
    let bars = summary.routes.iter().filter(|route| !route.is_broken()).filter_map(|route| {
        let interval = route.min_ms.zip(route.p90_ms).map(|(min, p90)| [min, p90]);
        Some(Bar { label: label(route, summary), group: route.platform.clone(), value: route.p50_ms?, interval })
    });
    let bars: Vec<Bar> = bars.take(LINES).collect();
    let axis = "p50 (fastest to p90), ms".to_owned();
    chart("Latency by route, warm", !bars.is_empty(), Figure::Bars { axis, bars })
}

fn accuracy(summary: &Summary) -> Option<Chart> {
    let points = summary.sweep.iter().filter_map(|row| {
        Some(Point {
            label: format!("{} {} {} bit", row.product, row.platform, row.precision),
            mark: format!("{}{}", row.precision, if row.mixed_precision { "m" } else { "" }),
            group: row.platform.clone(),
            x: row.p50_ms?,
            y: (1.0 - row.cosine?).max(0.0),
            is_broken: row.verdict.as_deref() == Some("broken") || row.outcome == "broken",
        })
    });
    let points: Vec<Point> = points.collect();
    let (x_axis, y_axis) = ("p50, ms".to_owned(), "1 − cosine with fp32".to_owned());
    chart("Accuracy against latency, newest sweep", !points.is_empty(), Figure::Scatter { x_axis, y_axis, points })
}

fn heat_map(summary: &Summary) -> Option<Chart> {
    let (mut rows, mut columns) = (Vec::new(), Vec::new());
    for route in &summary.routes {
        if !rows.contains(&route.product) {
            rows.push(route.product.clone());
        }
        if !columns.contains(&route.model) {
            columns.push(route.model.clone());
        }
    }
    let best = |product: &String, model: &String| {
        let fits = summary.routes.iter().filter(|r| r.product == *product && r.model == *model && !r.is_broken());
        fits.filter_map(|route| route.p50_ms).min_by(f64::total_cmp)
    };
    let cells: Vec<Vec<_>> = rows.iter().map(|row| columns.iter().map(|column| best(row, column)).collect()).collect();
    let says_more = rows.len().max(columns.len()) > 1;
    chart(
        "Best latency by browser and model",
        says_more,
        Figure::HeatMap { axis: "p50, ms".to_owned(), rows, columns, cells },
    )
}

fn phases(summary: &Summary) -> Option<Chart> {
    let lanes = summary.routes.iter().filter_map(|route| {
        let all = [
            ("open", route.open_ms),
            ("fetch", route.fetch_ms),
            ("compile", route.compile_ms),
            ("first run", route.first_run_ms),
        ];
        let spans = all.into_iter().filter_map(|(name, length)| Some(Span { name: name.to_owned(), length: length? }));
        let spans: Vec<Span> = spans.collect();
        (!spans.is_empty()).then(|| Lane { label: label(route, summary), spans })
    });
    let lanes: Vec<Lane> = lanes.take(LINES).collect();
    chart("Phases of a cold start, medians", !lanes.is_empty(), Figure::Waterfall { axis: "ms".to_owned(), lanes })
}

fn chart(title: &str, has_marks: bool, figure: Figure) -> Option<Chart> {
    has_marks.then(|| Chart { title: title.to_owned(), figure })
}
