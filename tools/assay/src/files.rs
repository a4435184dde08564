//! Reading files of bounded size, writing files whole or not at all.

use crate::error::{Error, Result};
use std::fs;
use std::io::{Read, Write};
use std::path::Path;

/// The bytes of a file that has at most `limit` of them.
///
/// # Errors
/// When it cannot be read or has more.
pub fn read_bounded(path: &Path, limit: u64) -> Result<Vec<u8>> {
    let refuse = |error: std::io::Error| Error::file("read", path, &error);
    let mut bytes = vec![];
    let file = fs::File::open(path).map_err(refuse)?;
    file.take(limit + 1).read_to_end(&mut bytes).map_err(refuse)?;
    if bytes.len() as u64 > limit {
        return Err(Error::input(
            format!("{} has more than {limit} bytes", path.display()),
            "give the right file",
        ));
    }
    Ok(bytes)
}

/// Writes a file: what stands at the path is the old file or the whole new one.
///
/// # Errors
/// When the disk refuses.
pub fn write_atomic(path: &Path, write: impl FnOnce(&mut fs::File) -> Result<()>) -> Result<()> {
    let refuse = |error: std::io::Error| Error::file("write", path, &error);
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    let mut builder = tempfile::Builder::new();
    // A result is no secret: it gets the mode that the user's other files have, less the umask.
    #[cfg(unix)]
    builder.permissions(std::os::unix::fs::PermissionsExt::from_mode(0o666));
    let mut temporary = builder.tempfile_in(dir).map_err(refuse)?;
    write(temporary.as_file_mut())?;
    temporary.as_file_mut().flush().map_err(refuse)?;
    temporary.persist(path).map_err(|error| refuse(error.error))?;
    Ok(())
}

/// Makes a folder that only the user may enter, and the folders above it.
///
/// # Errors
/// When the disk refuses.
pub fn create_private_dir(path: &Path) -> Result<()> {
    if path.is_dir() {
        return Ok(());
    }
    let mut builder = fs::DirBuilder::new();
    builder.recursive(true);
    #[cfg(unix)]
    std::os::unix::fs::DirBuilderExt::mode(&mut builder, 0o700);
    builder.create(path).map_err(|error| Error::file("create", path, &error))
}
