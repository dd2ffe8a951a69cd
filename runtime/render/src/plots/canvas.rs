//! Shapes and text as SVG. It knows no chart.

use std::fmt::Write;

use crate::escape::xml as escape;

/// Characters of a label; a longer one is cut.
const LABEL: usize = 76;
/// Pixels that a character of a label takes at most, on average.
const CHARACTER: f64 = 6.6;
/// Pixels above the drawing, for the title.
const HEAD: f64 = 34.0;

/// The reader's theme decides: both palettes are those of Okabe and Ito, told apart
/// by colour-blind people, and every chart has a ground of its own, since a viewer may
/// put the image on a page of the other theme.
const STYLE: &str = "\
.pelago-plot{--ground:#fff;--ink:#1f2328;--soft:#656d76;--line:#d8dee4;--bad:#b3261e;\
--c0:#0072b2;--c1:#d55e00;--c2:#009e73;--c3:#8a5fbf;--c4:#a07800;--c5:#56788c;\
font:12px system-ui,sans-serif}\
@media(prefers-color-scheme:dark){.pelago-plot{--ground:#16191d;--ink:#e6edf3;--soft:#9aa4af;--line:#343b43;--bad:#ff8a80;\
--c0:#56b4e9;--c1:#f08c3c;--c2:#35c496;--c3:#bfa1ee;--c4:#e3c04a;--c5:#9fb8c6}}\
.pelago-plot text{fill:var(--ink)}.pelago-plot .soft{fill:var(--soft)}.pelago-plot .title{font-size:14px;font-weight:600}\
.pelago-plot .ground{fill:var(--ground)}.pelago-plot .grid{stroke:var(--line)}.pelago-plot .whisker{stroke:var(--ink)}\
.pelago-plot .bad{stroke:var(--bad);stroke-width:2.5}\
.pelago-plot .c0{fill:var(--c0)}.pelago-plot .c1{fill:var(--c1)}.pelago-plot .c2{fill:var(--c2)}\
.pelago-plot .c3{fill:var(--c3)}.pelago-plot .c4{fill:var(--c4)}.pelago-plot .c5{fill:var(--c5)}";

/// A drawing; its origin is below the title.
pub(super) struct Canvas {
    width: f64,
    height: f64,
    body: String,
}

/// Where a text is put against its point.
#[derive(Clone, Copy)]
pub(super) enum Anchor {
    Start,
    Middle,
    End,
}

impl Canvas {
    pub(super) fn new(width: f64, height: f64) -> Self {
        Self { width, height, body: String::new() }
    }

    // Writing to a String does not fail.

    pub(super) fn text(&mut self, x: f64, y: f64, anchor: Anchor, class: &str, text: &str) {
        let anchor = match anchor {
            Anchor::Start => "start",
            Anchor::Middle => "middle",
            Anchor::End => "end",
        };
        let text = escape(text);
        let _ =
            write!(self.body, r#"<text x="{x:.1}" y="{y:.1}" text-anchor="{anchor}" class="{class}">{text}</text>"#);
    }

    pub(super) fn line(&mut self, from: [f64; 2], to: [f64; 2], class: &str) {
        let ([x1, y1], [x2, y2]) = (from, to);
        let _ = write!(self.body, r#"<line x1="{x1:.1}" y1="{y1:.1}" x2="{x2:.1}" y2="{y2:.1}" class="{class}"/>"#);
    }

    /// A filled box whose `tip` is shown when it is pointed at. A thin one is still seen.
    pub(super) fn rect(&mut self, at: [f64; 2], size: [f64; 2], colour: usize, opacity: f64, tip: &str) {
        let ([x, y], [width, height]) = (at, size);
        let (colour, width, tip) = (colour % 6, width.max(1.0), escape(tip));
        let _ = write!(
            self.body,
            r#"<rect x="{x:.1}" y="{y:.1}" width="{width:.1}" height="{height:.1}" rx="2" class="c{colour}" fill-opacity="{opacity:.2}"><title>{tip}</title></rect>"#
        );
    }

    pub(super) fn circle(&mut self, [x, y]: [f64; 2], colour: usize, tip: &str) {
        let (colour, tip) = (colour % 6, escape(tip));
        let _ = write!(
            self.body,
            r#"<circle cx="{x:.1}" cy="{y:.1}" r="5" class="c{colour}" fill-opacity="0.85"><title>{tip}</title></circle>"#
        );
    }

    pub(super) fn cross(&mut self, [x, y]: [f64; 2], tip: &str) {
        let tip = escape(tip);
        let _ = write!(self.body, "<g><title>{tip}</title>");
        self.line([x - 5.0, y - 5.0], [x + 5.0, y + 5.0], "bad");
        self.line([x - 5.0, y + 5.0], [x + 5.0, y - 5.0], "bad");
        self.body.push_str("</g>");
    }

    /// Names beside their colours, from the left.
    pub(super) fn legend(&mut self, x: f64, y: f64, names: &[&str]) {
        let mut x = x;
        for (colour, name) in names.iter().enumerate() {
            self.rect([x, y - 9.0], [10.0, 10.0], colour, 1.0, name);
            self.text(x + 15.0, y, Anchor::Start, "soft", &short(name));
            x += 32.0 + width(&short(name));
        }
    }

    /// The document.
    pub(super) fn finish(self, title: &str) -> String {
        let (width, height, title) = (self.width, self.height + HEAD, escape(&short(title)));
        format!(
            r#"<svg xmlns="http://www.w3.org/2000/svg" class="pelago-plot" viewBox="0 0 {width:.0} {height:.0}" width="{width:.0}" height="{height:.0}" role="img" aria-label="{title}" style="max-width:100%;height:auto"><style>{STYLE}</style><rect class="ground" width="100%" height="100%" rx="4"/><text x="14" y="23" class="title">{title}</text><g transform="translate(0 {HEAD})">{}</g></svg>"#,
            self.body
        )
    }
}

/// A label that is not too long.
pub(super) fn short(label: &str) -> String {
    match label.char_indices().nth(LABEL) {
        Some((end, _)) => format!("{}…", &label[..end]),
        None => label.to_owned(),
    }
}

/// About how wide a label is, in pixels: wide scripts take two places.
pub(super) fn width(label: &str) -> f64 {
    let places = label.chars().map(|character| if u32::from(character) < 0x1100 { 1_u32 } else { 2 }).sum::<u32>();
    f64::from(places) * CHARACTER
}
