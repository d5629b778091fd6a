//! The configuration file. Its members are those of `tower_client_assertion::Config`, and those of
//! `Own`.

use std::path::Path;

use tower_client_assertion::Config;

use crate::own::Own;

/// The configuration of the server, from the file and the flags.
pub(crate) type Configuration = Config<Own>;

/// Reads a file. Its paths are relative to it.
pub(crate) fn read(path: &Path) -> Result<Configuration, String> {
    let shown = path.display();
    let text = std::fs::read_to_string(path).map_err(|error| format!("--config: {shown} cannot be read: {error}"))?;
    match toml::from_str::<Configuration>(&text) {
        Ok(config) => {
            let folder = path.parent().unwrap_or(Path::new(""));
            let mut config = config.relative_to(folder);
            config.application_mut().relative_to(folder);
            Ok(config)
        }
        Err(error) => Err(format!("--config: {shown}{}: {}", place(&text, &error), one_line(error.message()))),
    }
}

/// Where an error is. The line itself is not shown: it may have the password of a store.
fn place(text: &str, error: &toml::de::Error) -> String {
    let Some(before) = error.span().and_then(|span| text.get(..span.start)) else { return String::new() };
    let line = before.matches('\n').count() + 1;
    let column = before.rsplit('\n').next().unwrap_or_default().chars().count() + 1;
    format!(", line {line}, column {column}")
}

fn one_line(message: &str) -> String {
    message.lines().collect::<Vec<_>>().join("; ")
}
