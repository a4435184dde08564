//! Presets of the consensus parameters, one file per kind of network.

use assay_types::params::Params;

/// The presets: the name of a network and the text of its file.
const PRESETS: &[(&str, &str)] = &[("local", include_str!("../networks/local.toml"))];

/// A network's parameters are not what their file should hold.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("network {name:?}: {reason}")]
pub struct NetworkError {
    name: String,
    reason: String,
}

/// The names of the presets.
pub fn names() -> impl Iterator<Item = &'static str> {
    PRESETS.iter().map(|(name, _)| *name)
}

/// The parameters of a preset.
///
/// # Errors
/// [`NetworkError`] when there is no preset of that name, or its file does not read.
pub fn params(name: &str) -> Result<Params, NetworkError> {
    let error = |reason: String| NetworkError { name: name.chars().take(60).collect(), reason };
    let found = PRESETS.iter().find(|(preset, _)| *preset == name);
    let (_, text) = found.ok_or_else(|| {
        error(format!("there is no such preset; there is {}", names().collect::<Vec<_>>().join(", ")))
    })?;
    toml::from_str(text).map_err(|cause| error(cause.to_string()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_local_network_has_the_default_parameters() {
        assert_eq!(params("local").unwrap(), Params::default());
    }

    #[test]
    fn an_unknown_network_is_refused_with_the_known_ones() {
        assert!(params("mars").unwrap_err().to_string().contains("local"));
    }
}
