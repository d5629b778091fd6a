//! Which form of the page a request prefers (RFC 9110, section 12.5.1).

use http::{HeaderMap, header};

/// A form of the page.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Form {
    Html,
    Markdown,
}

impl Form {
    /// Returns HTML unless Markdown is preferred, and `None` if neither is acceptable.
    pub(super) fn preferred(headers: &HeaderMap) -> Option<Self> {
        let lines = headers.get_all(header::ACCEPT).iter().filter_map(|line| line.to_str().ok());
        let ranges: Vec<Range<'_>> = lines.flat_map(|line| line.split(',')).filter_map(Range::parse).collect();
        if ranges.is_empty() {
            return Some(Self::Html);
        }
        let (html, markdown) = (quality(&ranges, "html"), quality(&ranges, "markdown"));
        match (html > 0.0, markdown > 0.0) {
            (_, true) if markdown > html => Some(Self::Markdown),
            (true, _) => Some(Self::Html),
            _ => None,
        }
    }
}

/// A media range with its weight. Other parameters are ignored: the page has no variants that they
/// could select.
struct Range<'a> {
    main: &'a str,
    sub: &'a str,
    weight: f32,
}

impl<'a> Range<'a> {
    fn parse(element: &'a str) -> Option<Self> {
        let mut parts = element.split(';').map(str::trim);
        let range = parts.next().filter(|range| !range.is_empty())?;
        // Java's client sends `*` for `*/*`.
        let (main, sub) = if range == "*" { ("*", "*") } else { range.split_once('/')? };
        let mut parameters = parts.filter_map(|part| part.split_once('='));
        // There should be no space around `=`. A sender that writes one means the weight still.
        let weight = parameters.find(|(name, _)| name.trim().eq_ignore_ascii_case("q")).map(|(_, value)| value.trim());
        let weight: f32 = weight.map_or(Some(1.0), |weight| weight.parse().ok())?;
        (0.0..=1.0).contains(&weight).then_some(Self { main, sub, weight })
    }

    /// How closely it names `text/{sub}`. 0 means not at all.
    fn precision(&self, sub: &str) -> u8 {
        match (self.main, self.sub) {
            ("*", "*") => 1,
            (main, "*") if main.eq_ignore_ascii_case("text") => 2,
            (main, named) if main.eq_ignore_ascii_case("text") && named.eq_ignore_ascii_case(sub) => 3,
            _ => 0,
        }
    }
}

/// Returns the weight of `text/{sub}`: that of the range that names it most closely.
fn quality(ranges: &[Range<'_>], sub: &str) -> f32 {
    let naming =
        ranges.iter().map(|range| (range.precision(sub), range.weight)).filter(|(precision, _)| *precision > 0);
    let best = naming.reduce(|best, next| if next > best { next } else { best });
    best.map_or(0.0, |(_, weight)| weight)
}

#[cfg(test)]
#[allow(clippy::unwrap_used)]
mod tests {
    use super::*;

    #[test]
    fn html_is_served_unless_markdown_is_preferred() {
        let table: &[(&[&str], Option<Form>)] = &[
            (&[], Some(Form::Html)),
            (&[""], Some(Form::Html)),
            (&["*/*"], Some(Form::Html)),
            (&["text/html"], Some(Form::Html)),
            (&["text/markdown"], Some(Form::Markdown)),
            (&["TEXT/Markdown; charset=utf-8"], Some(Form::Markdown)),
            (&["text/markdown, text/html"], Some(Form::Html)),
            (&["text/markdown, text/html;q=0.999"], Some(Form::Markdown)),
            (&["text/markdown", "text/html;q=0.9"], Some(Form::Markdown)),
            (&["text/markdown;q=0.9, */*;q=0.8"], Some(Form::Markdown)),
            (&["text/markdown;q=0.8, */*;q=0.8"], Some(Form::Html)),
            (&["text/*"], Some(Form::Html)),
            (&["text/*;q=0.5, text/html;q=0.4"], Some(Form::Markdown)),
            (&["text/html;q=0, text/*"], Some(Form::Markdown)),
            (&["text/html;q=0, */*"], Some(Form::Markdown)),
            (&["text/html, text/html;q=0, text/markdown;q=0.5"], Some(Form::Html)),
            (&["text/html;Q=0.1,text/markdown ; Q=0.2"], Some(Form::Markdown)),
            (&["text/markdown; q = 0.1, text/html;q=0.5"], Some(Form::Html)),
            (&["text/markdown; Q =0.5, text/html;q= 0.1"], Some(Form::Markdown)),
            (&["text/html,application/xhtml+xml,application/xml;q=0.9,*/*;q=0.8"], Some(Form::Html)),
            (&["text/html, image/gif, *; q=.2, */*; q=.2"], Some(Form::Html)),
            (&["*;q=0.1"], Some(Form::Html)),
            (&["text/html;q=0, text/markdown;q=0"], None),
            (&["text/html;q=0.0, text/markdown;q=0.000"], None),
            (&["*/*;q=0"], None),
            (&["application/json"], None),
            (&["application/*, image/*"], None),
            (&["text/plain"], None),
            // A weight that is none is no range. Without any range, everything is acceptable.
            (&["text/markdown;q=1.001"], Some(Form::Html)),
            (&["text/markdown;q=-1, text/html;q=0.1"], Some(Form::Html)),
            (&["text/markdown;q=NaN, text/html;q=0.1"], Some(Form::Html)),
            (&["text/markdown;q=, text/html;q=0.1"], Some(Form::Html)),
            (&["nonsense"], Some(Form::Html)),
        ];
        for (lines, expected) in table {
            let headers = lines.iter().map(|line| (header::ACCEPT, line.parse().unwrap())).collect();
            assert_eq!(Form::preferred(&headers), *expected, "{lines:?}");
        }
    }
}
