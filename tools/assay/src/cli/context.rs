//! What commands share: the settings, the node, the keys, the user at the terminal.

use super::args::Global;
use crate::client::Client;
use crate::error::{Error, Result};
use crate::keys::{KeyInfo, Keyring, Passwords};
use crate::wallet::{Chain, Quote, Terms, Wallet};
use assay_types::address::Address;
use assay_types::amount::{Amount, UASY_PER_ASY};
use std::io::{BufRead, IsTerminal};
use std::path::PathBuf;
use zeroize::Zeroizing;

/// Where a password comes from when nobody can be asked.
const PASSWORD_VARIABLE: &str = "ASSAY_KEYRING_PASSWORD";

/// Settings, resolved.
pub struct Context {
    /// As typed.
    pub global: Global,
    /// Where keys and caches are.
    pub home: PathBuf,
}

impl Context {
    /// Resolves the settings.
    pub fn new(global: Global) -> Result<Self> {
        let home = match (&global.home, std::env::home_dir()) {
            (Some(home), _) => home.clone(),
            (None, Some(home)) => home.join(".assay"),
            (None, None) => return Err(Error::input("this user has no home folder", "give --home DIR")),
        };
        Ok(Self { global, home })
    }

    /// The node.
    pub fn client(&self) -> Result<Client> {
        Client::new(&self.global.node)
    }

    /// The keys.
    pub fn keyring(&self) -> Keyring {
        Keyring::new(&self.home)
    }

    /// A key by name.
    pub fn key(&self, name: &str) -> Result<KeyInfo> {
        self.keyring().find(name, self.global.keyring)
    }

    /// The key that signs.
    pub fn signer(&self) -> Result<KeyInfo> {
        if let Some(name) = &self.global.from {
            return self.key(name);
        }
        let keys = self.keyring().list()?;
        match <[KeyInfo; 1]>::try_from(keys) {
            Ok([key]) => Ok(key),
            Err(keys) if keys.is_empty() => {
                Err(Error::input("there is no key", "make one with `assay keys add NAME`"))
            }
            Err(_) => Err(Error::input("there are several keys", "say which one signs: --from KEY")),
        }
    }

    /// The wallet of the key that signs.
    pub fn wallet<'a>(&self, client: &'a Client) -> Result<Wallet<'a>> {
        let key = self.signer()?;
        let chain = Chain::read(client)?;
        let secret = self.keyring().unlock(&key, &mut Terminal)?;
        Wallet::new(client, chain, secret)
    }

    /// What was typed about fees.
    pub fn terms(&self) -> Terms {
        Terms { max_fee: self.global.max_fee, tip: self.global.tip }
    }

    /// An account, by address or by a key's name.
    pub fn address(&self, text: &str) -> Result<Address> {
        if text.contains('1') && text.to_ascii_lowercase().starts_with("assay1") {
            let parsed: std::result::Result<Address, _> = text.parse();
            return parsed.map_err(|error| Error::input(error.to_string(), "copy the address again"));
        }
        Ok(self.key(text)?.address())
    }

    /// A line on stderr, unless a program reads.
    pub fn say(&self, line: impl AsRef<str>) {
        if !self.global.json {
            eprintln!("{}", line.as_ref());
        }
    }

    /// Asks before something that cannot be undone.
    pub fn confirm(&self, question: &str) -> Result<()> {
        if self.global.yes || !std::io::stdin().is_terminal() {
            return Ok(());
        }
        eprint!("{question} [y/N] ");
        let mut line = String::new();
        std::io::stdin().lock().read_line(&mut line).map_err(|error| Error::Internal(error.to_string()))?;
        if matches!(line.trim(), "y" | "Y" | "yes") {
            return Ok(());
        }
        Err(Error::failed("declined", "nothing was done", "answer y, or give --yes"))
    }
}

/// A fee for people, before it is agreed to.
pub fn fee(quote: &Quote) -> String {
    let tip =
        if quote.tip == Amount::ZERO { String::new() } else { format!(", {} of it the tip", asy(quote.tip)) };
    format!("a fee of {} (at most {}{tip})", asy(quote.fee), asy(quote.max_fee))
}

/// An amount for people.
pub fn asy(amount: Amount) -> String {
    let (whole, rest) = (amount.0 / UASY_PER_ASY, amount.0 % UASY_PER_ASY);
    if rest == 0 {
        return format!("{whole} ASY");
    }
    format!("{whole}.{} ASY", format!("{rest:06}").trim_end_matches('0'))
}

/// The user at the terminal, or a variable in the environment.
pub struct Terminal;

impl Terminal {
    fn from_environment() -> Option<Zeroizing<String>> {
        std::env::var(PASSWORD_VARIABLE).ok().map(Zeroizing::new)
    }

    fn prompt(question: &str) -> Result<Zeroizing<String>> {
        rpassword::prompt_password(question).map(Zeroizing::new).map_err(|_| {
            Error::input(
                "a password is needed and there is no terminal",
                format!("set {PASSWORD_VARIABLE}, or use --keyring test for a throw-away key"),
            )
        })
    }
}

impl Passwords for Terminal {
    fn choose(&mut self, key: &str) -> Result<Zeroizing<String>> {
        let password = match Self::from_environment() {
            Some(password) => password,
            None => {
                let first = Self::prompt(&format!("New password for key {key}: "))?;
                if *first != *Self::prompt("The same again: ")? {
                    return Err(Error::input("the passwords differ", "try again"));
                }
                first
            }
        };
        if password.is_empty() {
            return Err(Error::input(
                "an empty password protects nothing",
                "choose one, or use --keyring test",
            ));
        }
        Ok(password)
    }

    fn ask(&mut self, key: &str) -> Result<Zeroizing<String>> {
        match Self::from_environment() {
            Some(password) => Ok(password),
            None => Self::prompt(&format!("Password of key {key}: ")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_for_people_lose_nothing() {
        for (uasy, text) in [(0, "0 ASY"), (1, "0.000001 ASY"), (1_500_000, "1.5 ASY"), (2_000_000, "2 ASY")]
        {
            assert_eq!(asy(Amount(uasy)), text);
        }
    }
}
