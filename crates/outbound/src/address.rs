//! Which addresses are public.
//!
//! The blocks are those of IANA's special-purpose registries (RFC 6890 and successors) that are not globally reachable, and public
//! addresses where clouds answer their own machines. An IPv6 address that stands for an IPv4 one is judged as that; one that tunnels to it,
//! as both.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::sync::LazyLock;

use ipnet::{Ipv4Net, Ipv6Net};

const CLOSED_V4: &[(&str, &str)] = &[
    ("0.0.0.0/8", "this host or network"),
    ("10.0.0.0/8", "private"),
    ("100.64.0.0/10", "carrier-grade NAT"),
    ("127.0.0.0/8", "loopback"),
    ("168.63.129.16/32", "cloud metadata"),
    ("169.254.0.0/16", "link-local, cloud metadata"),
    ("172.16.0.0/12", "private"),
    ("192.0.0.0/24", "protocol assignments, cloud metadata"),
    ("192.0.2.0/24", "documentation"),
    ("192.88.99.0/24", "6to4 relay"),
    ("192.168.0.0/16", "private"),
    ("198.18.0.0/15", "benchmarking"),
    ("198.51.100.0/24", "documentation"),
    ("203.0.113.0/24", "documentation"),
    ("224.0.0.0/4", "multicast"),
    ("240.0.0.0/4", "reserved or broadcast"),
];

/// Within 2000::/3, the only block of global unicast.
const CLOSED_V6: &[(&str, &str)] = &[
    ("2001::/23", "protocol assignments, Teredo, benchmarking"),
    ("2001:db8::/32", "documentation"),
    ("2002::/16", "6to4"),
    ("3fff::/20", "documentation"),
];

static V4: LazyLock<Vec<(Ipv4Net, &str)>> = LazyLock::new(|| parsed(CLOSED_V4));
static V6: LazyLock<Vec<(Ipv6Net, &str)>> = LazyLock::new(|| parsed(CLOSED_V6));

fn parsed<N: std::str::FromStr>(table: &'static [(&str, &str)]) -> Vec<(N, &'static str)> {
    table.iter().filter_map(|(block, why)| block.parse().ok().map(|block| (block, *why))).collect()
}

/// Judges an address.
///
/// # Errors
/// Says what kind of address it is if it is not a public one.
pub fn judge(address: IpAddr) -> Result<(), &'static str> {
    match address {
        IpAddr::V4(address) => judge_v4(address),
        IpAddr::V6(address) => judge_v6(address),
    }
}

/// Whether an address is one where clouds hand out their machines' credentials, or may be.
pub(crate) fn is_metadata(address: IpAddr) -> bool {
    match address {
        IpAddr::V4(address) => {
            address.is_link_local()
                || [[168, 63, 129, 16], [192, 0, 0, 192], [100, 100, 100, 200]].contains(&address.octets())
        }
        IpAddr::V6(address) => {
            (address.segments()[0] & 0xffc0) == 0xfe80
                || address == Ipv6Addr::new(0xfd00, 0xec2, 0, 0, 0, 0, 0, 0x254)
                || address == Ipv6Addr::new(0xfd20, 0xce, 0, 0, 0, 0, 0, 0x254)
                || translated(address).or_else(|| tunnelled(address)).is_some_and(|inner| is_metadata(inner.into()))
        }
    }
}

fn judge_v4(address: Ipv4Addr) -> Result<(), &'static str> {
    match V4.iter().find(|(block, _)| block.contains(&address)) {
        Some((_, why)) => Err(why),
        None => Ok(()),
    }
}

fn judge_v6(address: Ipv6Addr) -> Result<(), &'static str> {
    if let Some(inner) = translated(address) {
        return judge_v4(inner);
    }
    if let Some((_, why)) = V6.iter().find(|(block, _)| block.contains(&address)) {
        return Err(why);
    }
    match address.segments()[0] {
        0x2000..=0x3fff => tunnelled(address).map_or(Ok(()), judge_v4),
        0xfc00..=0xfdff => Err("private"),
        0xfe80..=0xfebf => Err("link-local"),
        0xff00..=0xffff => Err("multicast"),
        0 if address.is_loopback() => Err("loopback"),
        0 if address.is_unspecified() => Err("unspecified"),
        _ => Err("not global unicast"),
    }
}

/// The IPv4 address that a mapped (`::ffff:0:0/96`) or NAT64 (`64:ff9b::/96`) address stands for.
fn translated(address: Ipv6Addr) -> Option<Ipv4Addr> {
    let stands = matches!(address.segments(), [0, 0, 0, 0, 0, 0xffff, ..] | [0x64, 0xff9b, 0, 0, 0, 0, ..]);
    stands.then(|| tail(address))
}

/// The IPv4 address that an ISATAP address leads to from the network of its prefix.
fn tunnelled(address: Ipv6Addr) -> Option<Ipv4Addr> {
    matches!(address.segments(), [_, _, _, _, 0 | 0x200, 0x5efe, ..]).then(|| tail(address))
}

fn tail(address: Ipv6Addr) -> Ipv4Addr {
    let [.., a, b, c, d] = address.octets();
    Ipv4Addr::new(a, b, c, d)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_tables_are_read_whole() {
        assert_eq!((V4.len(), V6.len()), (CLOSED_V4.len(), CLOSED_V6.len()));
    }

    #[test]
    fn public_addresses_pass() {
        for address in [
            "1.1.1.1",
            "8.8.8.8",
            "9.255.255.255",
            "11.0.0.0",
            "100.63.255.255",
            "100.128.0.0",
            "126.255.255.255",
            "128.0.0.1",
            "169.253.255.255",
            "169.255.0.0",
            "172.15.255.255",
            "172.32.0.0",
            "192.0.1.0",
            "192.167.255.255",
            "192.169.0.0",
            "198.17.255.255",
            "198.20.0.0",
            "223.255.255.255",
            "168.63.129.15",
            "2606:4700:4700::1111",
            "2a00:1450:4001:81b::200e",
            "2001:200::1",
            "2001:4860:4860::8888",
            "::ffff:8.8.8.8",
            "64:ff9b::8.8.8.8",
            "2606:4700::5efe:8.8.8.8",
        ] {
            assert_eq!(judge(address.parse().unwrap()), Ok(()), "{address}");
        }
    }

    #[test]
    fn everything_else_is_refused() {
        for address in [
            "0.0.0.0",
            "0.1.2.3",
            "10.0.0.1",
            "10.255.255.255",
            "100.64.0.1",
            "100.127.255.255",
            "100.100.100.200",
            "127.0.0.1",
            "127.255.255.254",
            "168.63.129.16",
            "169.254.0.1",
            "169.254.169.254",
            "172.16.0.1",
            "172.31.255.255",
            "192.0.0.1",
            "192.0.0.192",
            "192.0.2.1",
            "192.88.99.1",
            "192.168.0.1",
            "198.18.0.1",
            "198.19.255.255",
            "198.51.100.1",
            "203.0.113.1",
            "224.0.0.1",
            "239.255.255.255",
            "240.0.0.1",
            "255.255.255.255",
            // IPv6 of its own
            "::",
            "::1",
            "100::1",
            "fc00::1",
            "fd00:ec2::254",
            "fd12:3456::1",
            "fe80::1",
            "febf::1",
            "fec0::1",
            "ff02::1",
            "2001:db8::1",
            "3fff::1",
            "5f00::1",
            "2001::1",
            "2001:2::1",
            "2001:10::1",
            "4000::1",
            "1::1",
            // IPv4 carried in IPv6
            "::ffff:127.0.0.1",
            "::ffff:10.0.0.1",
            "::ffff:169.254.169.254",
            "::ffff:0:127.0.0.1",
            "::127.0.0.1",
            "::10.0.0.1",
            "::8.8.8.8",
            "64:ff9b::127.0.0.1",
            "64:ff9b::a00:1",
            "64:ff9b::169.254.169.254",
            "64:ff9b:1::8.8.8.8",
            "2002:7f00:1::",
            "2002:a00:1::1",
            "2002:808:808::1",
            "2001:0:4136:e378:8000:63bf:3fff:fdd2",
            "2606:4700::5efe:10.0.0.1",
            "2606:4700::200:5efe:192.168.0.1",
            // Public IPv4 behind a prefix that is not.
            "fd00::5efe:8.8.8.8",
            "fe80::200:5efe:8.8.8.8",
            "2001:db8::5efe:8.8.8.8",
            "ff02::5efe:8.8.8.8",
        ] {
            assert!(judge(address.parse().unwrap()).is_err(), "{address}");
        }
    }

    #[test]
    fn metadata_is_known_in_every_spelling() {
        for address in
            ["169.254.169.254", "::ffff:169.254.169.254", "64:ff9b::a9fe:a9fe", "fd00:ec2::254", "168.63.129.16"]
        {
            assert!(is_metadata(address.parse().unwrap()), "{address}");
        }
        assert!(!is_metadata("10.0.0.1".parse().unwrap()));
    }
}
