//! Text in lines that fit a terminal.

use std::fmt;

/// The most characters of a line that can be broken.
const WIDTH: usize = 100;

/// Writes `text` behind `label`. Lines that follow are indented by `indent`. Words are not broken,
/// and line breaks of the text remain.
pub(super) fn write_wrapped(f: &mut fmt::Formatter<'_>, label: &str, indent: usize, text: &str) -> fmt::Result {
    if text.is_empty() {
        return writeln!(f, "{}", label.trim_end());
    }
    f.write_str(label)?;
    let mut column = label.chars().count();
    for (number, line) in text.lines().enumerate() {
        if number > 0 {
            column = new_line(f, indent)?;
        }
        for (place, word) in line.split(' ').enumerate() {
            let length = word.chars().count();
            if place > 0 && column + 1 + length > WIDTH {
                column = new_line(f, indent)?;
            } else if place > 0 {
                f.write_str(" ")?;
                column += 1;
            }
            f.write_str(word)?;
            column += length;
        }
    }
    writeln!(f)
}

fn new_line(f: &mut fmt::Formatter<'_>, indent: usize) -> Result<usize, fmt::Error> {
    write!(f, "\n{:indent$}", "")?;
    Ok(indent)
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Wrapped<'a>(&'a str, &'a str);

    impl fmt::Display for Wrapped<'_> {
        fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
            write_wrapped(f, self.0, 4, self.1)
        }
    }

    #[test]
    fn lines_end_at_words_and_are_indented() {
        let (half, rest) = ("a".repeat(50), "b".repeat(45));
        let long = "c".repeat(150);
        let table = [
            ("fix ", String::new(), "fix\n".to_owned()),
            ("fix ", "a  b".into(), "fix a  b\n".into()),
            ("fix ", "a\nb".into(), "fix a\n    b\n".into()),
            ("fix ", format!("{half} {rest}"), format!("fix {half} {rest}\n")),
            ("fix ", format!("{half} {rest}b"), format!("fix {half}\n    {rest}b\n")),
            ("fix ", long.clone(), format!("fix {long}\n")),
            ("fix ", format!("a {long} b"), format!("fix a\n    {long}\n    b\n")),
        ];
        for (label, text, expected) in table {
            assert_eq!(Wrapped(label, &text).to_string(), expected);
        }
    }
}
