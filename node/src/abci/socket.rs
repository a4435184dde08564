//! Where the server listens, and one stream type over unix and tcp sockets.
//!
//! A unix socket's address has room for about 108 bytes; a longer path is answered with a private folder of
//! short name. A socket file left by a killed process is removed; one that somebody still listens on is not.

use std::fmt;
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::os::unix::net::{UnixListener, UnixStream};
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// Bytes of a socket's path that fit every platform's address.
const MAX_SOCKET_PATH_BYTES: usize = 100;

/// An address to listen on: `unix:///path` or `tcp://host:port`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Listen {
    /// A unix socket's path.
    Unix(PathBuf),
    /// An IP address and a port; port 0 takes a free one.
    Tcp(SocketAddr),
}

/// An address that is neither `unix://` nor `tcp://`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is no address; write unix:///path or tcp://127.0.0.1:26658")]
pub struct ParseListenError(String);

impl FromStr for Listen {
    type Err = ParseListenError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        let bad = || ParseListenError(text.into());
        if let Some(path) = text.strip_prefix("unix://").filter(|path| !path.is_empty()) {
            return Ok(Listen::Unix(path.into()));
        }
        let address = text.strip_prefix("tcp://").ok_or_else(bad)?;
        address.parse().map(Listen::Tcp).map_err(|_| bad())
    }
}

impl fmt::Display for Listen {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Listen::Unix(path) => write!(f, "unix://{}", path.display()),
            Listen::Tcp(address) => write!(f, "tcp://{address}"),
        }
    }
}

/// A bound listener; a unix socket's file goes away with it.
#[derive(Debug)]
pub(super) struct Bound {
    socket: Socket,
    address: Listen,
    // Holds the private folder of a socket whose own path was too long.
    _folder: Option<tempfile::TempDir>,
}

#[derive(Debug)]
enum Socket {
    Unix(UnixListener),
    Tcp(TcpListener),
}

impl Bound {
    pub(super) fn bind(listen: &Listen) -> io::Result<Self> {
        match listen {
            Listen::Tcp(address) => {
                let listener = TcpListener::bind(address)?;
                let address = Listen::Tcp(listener.local_addr()?);
                Ok(Self { socket: Socket::Tcp(listener), address, _folder: None })
            }
            Listen::Unix(path) => {
                let (path, folder) = short_path(path)?;
                remove_stale(&path)?;
                let listener = UnixListener::bind(&path)?;
                std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o600))?;
                Ok(Self { socket: Socket::Unix(listener), address: Listen::Unix(path), _folder: folder })
            }
        }
    }

    pub(super) fn address(&self) -> &Listen {
        &self.address
    }

    pub(super) fn accept(&self) -> io::Result<Stream> {
        Ok(match &self.socket {
            Socket::Unix(listener) => Stream::Unix(listener.accept()?.0),
            Socket::Tcp(listener) => {
                let (stream, _) = listener.accept()?;
                // Without it an answer waits for the ACK of the one before: 44 ms a call.
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
        })
    }
}

impl Drop for Bound {
    fn drop(&mut self) {
        if let Listen::Unix(path) = &self.address {
            let _ = std::fs::remove_file(path);
        }
    }
}

fn short_path(path: &Path) -> io::Result<(PathBuf, Option<tempfile::TempDir>)> {
    if path.as_os_str().len() <= MAX_SOCKET_PATH_BYTES {
        return Ok((path.into(), None));
    }
    let folder = tempfile::Builder::new().prefix("assayd-").tempdir()?;
    Ok((folder.path().join("abci.sock"), Some(folder)))
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match std::fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(meta) if !meta.file_type().is_socket() => {
            Err(io::Error::new(io::ErrorKind::AlreadyExists, format!("{} is not a socket", path.display())))
        }
        Ok(_) if UnixStream::connect(path).is_ok() => Err(io::Error::new(
            io::ErrorKind::AddrInUse,
            format!("another process listens on {}", path.display()),
        )),
        Ok(_) => std::fs::remove_file(path),
    }
}

/// One end of a connection.
#[derive(Debug)]
pub enum Stream {
    /// Over a unix socket.
    Unix(UnixStream),
    /// Over TCP, without Nagle's delay.
    Tcp(TcpStream),
}

impl Stream {
    /// Connects to a listening server.
    ///
    /// # Errors
    /// The socket's.
    pub fn connect(address: &Listen) -> io::Result<Self> {
        Ok(match address {
            Listen::Unix(path) => Stream::Unix(UnixStream::connect(path)?),
            Listen::Tcp(address) => {
                let stream = TcpStream::connect(address)?;
                stream.set_nodelay(true)?;
                Stream::Tcp(stream)
            }
        })
    }

    /// A second handle of the same connection.
    ///
    /// # Errors
    /// When the process has no file descriptors left.
    pub fn try_clone(&self) -> io::Result<Self> {
        Ok(match self {
            Stream::Unix(stream) => Stream::Unix(stream.try_clone()?),
            Stream::Tcp(stream) => Stream::Tcp(stream.try_clone()?),
        })
    }

    /// Lets a read fail after so long, for every handle of this connection.
    ///
    /// # Errors
    /// The socket's.
    pub fn set_read_timeout(&self, timeout: Option<Duration>) -> io::Result<()> {
        match self {
            Stream::Unix(stream) => stream.set_read_timeout(timeout),
            Stream::Tcp(stream) => stream.set_read_timeout(timeout),
        }
    }

    /// Closes both directions; whoever reads sees the end.
    pub fn close(&self) {
        // A connection that is gone already is closed enough.
        let _ = match self {
            Stream::Unix(stream) => stream.shutdown(Shutdown::Both),
            Stream::Tcp(stream) => stream.shutdown(Shutdown::Both),
        };
    }
}

impl Read for Stream {
    fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => stream.read(buffer),
            Stream::Tcp(stream) => stream.read(buffer),
        }
    }
}

impl Write for Stream {
    fn write(&mut self, buffer: &[u8]) -> io::Result<usize> {
        match self {
            Stream::Unix(stream) => stream.write(buffer),
            Stream::Tcp(stream) => stream.write(buffer),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Stream::Unix(stream) => stream.flush(),
            Stream::Tcp(stream) => stream.flush(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_survives_its_text_form() {
        for text in ["unix:///var/run/a.sock", "tcp://127.0.0.1:26658"] {
            assert_eq!(text.parse::<Listen>().unwrap().to_string(), text);
        }
        for text in ["", "unix://", "127.0.0.1:1", "tcp://here", "http://127.0.0.1:1"] {
            assert!(text.parse::<Listen>().is_err(), "{text}");
        }
    }

    #[test]
    fn a_stale_socket_is_replaced_and_a_live_one_is_not() {
        let folder = tempfile::tempdir().unwrap();
        let listen = Listen::Unix(folder.path().join("a.sock"));
        let live = Bound::bind(&listen).unwrap();
        assert_eq!(Bound::bind(&listen).unwrap_err().kind(), io::ErrorKind::AddrInUse);
        // A killed process leaves its file behind.
        drop(UnixListener::bind(folder.path().join("stale.sock")).unwrap());
        assert!(Bound::bind(&Listen::Unix(folder.path().join("stale.sock"))).is_ok());
        drop(live);
        assert!(!folder.path().join("a.sock").exists());
    }

    #[test]
    fn a_file_that_is_no_socket_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("a.sock");
        std::fs::write(&path, "mine").unwrap();
        assert!(Bound::bind(&Listen::Unix(path.clone())).is_err());
        assert_eq!(std::fs::read(&path).unwrap(), b"mine");
    }

    #[test]
    fn a_path_too_long_for_a_socket_gets_a_short_one() {
        let long = Listen::Unix(PathBuf::from(format!("/nowhere/{}/a.sock", "x".repeat(120))));
        let bound = Bound::bind(&long).unwrap();
        assert!(bound.address().to_string().len() < 100);
        assert!(Stream::connect(bound.address()).is_ok());
    }
}
