//! Line plots as SVG.

use std::fmt::Write as _;

const WIDTH: f64 = 830.0;
const HEIGHT: f64 = 420.0;
/// The ends of the axes.
const LEFT: f64 = 70.0;
const RIGHT: f64 = 520.0;
const TOP: f64 = 50.0;
const BOTTOM: f64 = 360.0;
/// Distinguishable for colour-blind readers as well (Okabe and Ito).
const COLOURS: [&str; 8] = ["#0072b2", "#d55e00", "#009e73", "#cc79a7", "#e69f00", "#56b4e9", "#000000", "#999999"];

/// A plot over a logarithmic horizontal axis.
pub(crate) struct Plot {
    pub(crate) title: String,
    pub(crate) across: String,
    pub(crate) up: String,
    /// Whether the vertical axis is logarithmic as well. Otherwise it begins at zero.
    pub(crate) logarithmic: bool,
    /// Values on the horizontal axis and their labels.
    pub(crate) marks: Vec<(f64, String)>,
    pub(crate) lines: Vec<Line>,
}

pub(crate) struct Line {
    pub(crate) name: String,
    pub(crate) points: Vec<(f64, f64)>,
}

impl Plot {
    pub(crate) fn save(&self, name: &str) {
        let directory = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join(PLOTS);
        std::fs::create_dir_all(&directory).unwrap();
        std::fs::write(directory.join(name), self.svg()).unwrap();
    }

    fn svg(&self) -> String {
        let mut svg = format!(
            r##"<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 {WIDTH} {HEIGHT}" font-family="sans-serif" font-size="13">
<rect width="100%" height="100%" fill="#fff"/>
<text x="{LEFT}" y="28" font-size="16">{}</text>
<text x="{}" y="400" text-anchor="middle">{}</text>
<text transform="translate(18 {}) rotate(-90)" text-anchor="middle">{}</text>
"##,
            self.title,
            f64::midpoint(LEFT, RIGHT),
            self.across,
            f64::midpoint(TOP, BOTTOM),
            self.up,
        );
        self.axes(&mut svg);
        for (line, colour) in self.lines.iter().zip(COLOURS.iter().cycle()) {
            self.line(line, colour, &mut svg);
        }
        self.legend(&mut svg);
        svg + "</svg>\n"
    }

    fn axes(&self, svg: &mut String) {
        for value in self.up_marks() {
            let y = self.y(value);
            writeln!(svg, r##"<path d="M{LEFT} {y:.1}H{RIGHT}" stroke="#ddd"/>"##).unwrap();
            writeln!(svg, r##"<text x="{}" y="{:.1}" text-anchor="end">{value}</text>"##, LEFT - 8.0, y + 4.0).unwrap();
        }
        for (value, text) in &self.marks {
            let x = self.x(*value);
            writeln!(svg, r##"<path d="M{x:.1} {TOP}V{BOTTOM}" stroke="#ddd"/>"##).unwrap();
            writeln!(svg, r##"<text x="{x:.1}" y="{}" text-anchor="middle">{text}</text>"##, BOTTOM + 18.0).unwrap();
        }
    }

    fn line(&self, line: &Line, colour: &str, svg: &mut String) {
        let points: Vec<_> = line.points.iter().map(|(x, y)| format!("{:.1},{:.1}", self.x(*x), self.y(*y))).collect();
        let all = points.join(" ");
        writeln!(svg, r##"<polyline points="{all}" fill="none" stroke="{colour}" stroke-width="2"/>"##).unwrap();
        for point in points {
            let (x, y) = point.split_once(',').unwrap();
            writeln!(svg, r##"<circle cx="{x}" cy="{y}" r="3" fill="{colour}"/>"##).unwrap();
        }
    }

    fn legend(&self, svg: &mut String) {
        for (index, (line, colour)) in self.lines.iter().zip(COLOURS.iter().cycle()).enumerate() {
            let (x, y) = (RIGHT + 20.0, TOP + 10.0 + 22.0 * index as f64);
            writeln!(svg, r##"<path d="M{x} {y}h18" stroke="{colour}" stroke-width="3"/>"##).unwrap();
            writeln!(svg, r##"<text x="{}" y="{}">{}</text>"##, x + 26.0, y + 4.0, line.name).unwrap();
        }
    }

    fn x(&self, value: f64) -> f64 {
        let (first, last) = (self.marks[0].0.ln(), self.marks[self.marks.len() - 1].0.ln());
        LEFT + (RIGHT - LEFT) * (value.ln() - first) / (last - first)
    }

    fn y(&self, value: f64) -> f64 {
        let marks = self.up_marks();
        let scale = |value: f64| if self.logarithmic { value.ln() } else { value };
        let (first, last) = (scale(marks[0]), scale(marks[marks.len() - 1]));
        BOTTOM - (BOTTOM - TOP) * (scale(value) - first) / (last - first)
    }

    /// Returns round numbers. The first is zero or below all values, the last above all values.
    fn up_marks(&self) -> Vec<f64> {
        let values = || self.lines.iter().flat_map(|line| line.points.iter().map(|(_, y)| *y));
        let (least, most) = (values().fold(f64::INFINITY, f64::min), values().fold(0.0, f64::max));
        if !self.logarithmic {
            let rough = most / 5.0;
            let power = 10_f64.powf(rough.log10().floor());
            let step =
                [1.0, 2.0, 5.0, 10.0].into_iter().map(|digit| digit * power).find(|step| *step >= rough).unwrap();
            return (0..=(most / step).ceil() as i32).map(|count| f64::from(count) * step).collect();
        }
        let decades = least.log10().floor() as i32..=most.log10().ceil() as i32;
        let all: Vec<_> = decades.flat_map(|power| [1.0, 2.0, 5.0].map(|digit| digit * 10_f64.powi(power))).collect();
        let first = all.iter().rposition(|mark| *mark <= least).unwrap_or(0);
        let last = all.iter().position(|mark| *mark >= most).unwrap_or(all.len() - 1);
        all[first..=last].to_vec()
    }
}

/// The directory of the plots, relative to the manifest of the program that makes them.
const PLOTS: &str = crate::PLOTS;
