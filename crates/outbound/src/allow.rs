//! What the operator opened: hosts and networks that are reached although their addresses are not public.
//!
//! An entry is an address (`127.0.0.1`, `::1`), a network (`10.1.0.0/16`), a host (`auth.internal`) or all hosts below one
//! (`*.internal`), each with or without a port (`127.0.0.1:4000`, `[::1]:4000`, `10.1.0.0/16:443`, `auth.internal:8443`).
//! A host opens whatever addresses it has, except those where clouds hand out credentials: these take an entry of their own.

use std::net::IpAddr;
use std::str::FromStr;

use ipnet::IpNet;

use crate::address::is_metadata;

/// The entries of `outbound.allow`.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct AllowList(Vec<Entry>);

#[derive(Debug, Clone, PartialEq, Eq)]
struct Entry {
    place: Place,
    port: Option<u16>,
}

#[derive(Debug, Clone, PartialEq, Eq)]
enum Place {
    Network(IpNet),
    Host(String),
    /// The suffix with its leading dot.
    Below(String),
}

/// An entry that can't be read.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`outbound.allow`: `{0}` is no address, network or host; write `127.0.0.1`, `10.1.0.0/16`, `auth.internal` or `*.internal`, with `:port` if one port is meant"
)]
pub struct BadEntry(pub String);

impl AllowList {
    /// Reads the entries.
    ///
    /// # Errors
    /// Names the first that is none.
    pub fn parse<S: AsRef<str>>(entries: &[S]) -> Result<AllowList, BadEntry> {
        let entry = |text: &S| Entry::parse(text.as_ref().trim()).ok_or_else(|| BadEntry(text.as_ref().to_owned()));
        Ok(AllowList(entries.iter().map(entry).collect::<Result<_, _>>()?))
    }

    /// Whether a connection for `host` to this address and port is opened by an entry.
    pub(crate) fn opens(&self, host: &str, address: IpAddr, port: u16) -> bool {
        let address = address.to_canonical();
        self.0.iter().filter(|entry| entry.port.is_none_or(|only| only == port)).any(|entry| match &entry.place {
            Place::Network(network) => network.contains(&address),
            Place::Host(name) => name.eq_ignore_ascii_case(host) && !is_metadata(address),
            Place::Below(suffix) => ends_with(host, suffix) && !is_metadata(address),
        })
    }
}

impl Entry {
    fn parse(text: &str) -> Option<Entry> {
        if let Some(network) = network(text) {
            return Some(Entry { place: Place::Network(network), port: None });
        }
        let (place, port) = match text.rsplit_once(':') {
            Some((place, port)) => (place, Some(port.parse().ok().filter(|port| *port != 0)?)),
            None => (text, None),
        };
        let bare = place.strip_prefix('[').and_then(|rest| rest.strip_suffix(']')).unwrap_or(place);
        let place = match network(bare) {
            Some(network) => Place::Network(network),
            None => match place.strip_prefix('*') {
                Some(suffix) => {
                    Place::Below(suffix.strip_prefix('.').filter(|name| is_host(name)).map(|_| suffix)?.into())
                }
                None => Place::Host(Some(place).filter(|name| is_host(name))?.into()),
            },
        };
        Some(Entry { place, port })
    }
}

fn network(text: &str) -> Option<IpNet> {
    IpNet::from_str(text).ok().or_else(|| IpAddr::from_str(text).ok().map(|address| address.to_canonical().into()))
}

fn is_host(name: &str) -> bool {
    !name.is_empty() && name.bytes().all(|b| b.is_ascii_alphanumeric() || matches!(b, b'-' | b'_' | b'.'))
}

fn ends_with(host: &str, suffix: &str) -> bool {
    host.len() > suffix.len()
        && host.get(host.len() - suffix.len()..).is_some_and(|end| end.eq_ignore_ascii_case(suffix))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn opens(entry: &str, host: &str, address: &str, port: u16) -> bool {
        AllowList::parse(&[entry]).unwrap().opens(host, address.parse().unwrap(), port)
    }

    #[test]
    fn entries_open_what_they_name_and_no_more() {
        assert!(opens("127.0.0.1", "x", "127.0.0.1", 80));
        assert!(opens("127.0.0.1", "x", "::ffff:127.0.0.1", 80));
        assert!(!opens("127.0.0.1", "x", "127.0.0.2", 80));
        assert!(opens("127.0.0.1:4000", "x", "127.0.0.1", 4000));
        assert!(!opens("127.0.0.1:4000", "x", "127.0.0.1", 4001));
        assert!(opens("::1", "x", "::1", 80));
        assert!(opens("[::1]:4000", "x", "::1", 4000));
        assert!(!opens("[::1]:4000", "x", "::1", 80));
        assert!(opens("10.1.0.0/16", "x", "10.1.255.1", 80));
        assert!(!opens("10.1.0.0/16", "x", "10.2.0.1", 80));
        assert!(opens("10.1.0.0/16:443", "x", "10.1.0.1", 443));
        assert!(!opens("10.1.0.0/16:443", "x", "10.1.0.1", 80));
        assert!(opens("fd00::/8", "x", "fd12::1", 80));
    }

    #[test]
    fn a_host_opens_its_addresses_but_no_metadata() {
        assert!(opens("auth.internal", "Auth.Internal", "10.0.0.1", 80));
        assert!(!opens("auth.internal", "xauth.internal", "10.0.0.1", 80));
        assert!(!opens("auth.internal", "auth.internal", "169.254.169.254", 80));
        assert!(!opens("auth.internal", "auth.internal", "::ffff:169.254.169.254", 80));
        assert!(opens("169.254.169.254", "x", "169.254.169.254", 80));
        assert!(opens("*.internal:80", "a.b.internal", "10.0.0.1", 80));
        assert!(!opens("*.internal", "internal", "10.0.0.1", 80));
        assert!(!opens("*.internal", "evilinternal", "10.0.0.1", 80));
    }

    #[test]
    fn what_is_no_entry_is_named() {
        for entry in ["", "*", "*internal", "10.0.0.0/33", "a:b", "a:0", "a:70000", "http://a", "a b"] {
            assert_eq!(AllowList::parse(&[entry]), Err(BadEntry(entry.to_owned())), "{entry}");
        }
    }
}
