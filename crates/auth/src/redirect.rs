//! Where a user may be sent: the site, or an address that the project allows.
//!
//! Addresses are compared parsed, never as text: what a browser would read differently (`\`, `user@`, control characters) is no
//! address that anybody allowed.

use url::{Host, Url};

use crate::settings::Settings;

/// Longest address that is looked at.
const MAX: usize = 2048;

/// The addresses that a project allows.
pub(crate) struct Redirects {
    site: String,
    parsed: Option<Url>,
    allowed: Vec<String>,
}

impl Redirects {
    pub fn new(settings: &Settings) -> Redirects {
        Redirects {
            site: settings.site_url.clone(),
            parsed: Url::parse(&settings.site_url).ok(),
            allowed: settings.additional_redirect_urls.clone(),
        }
    }

    /// The address to send a user to: the one asked for, as it was read, or else the page that asked, or else the site.
    pub fn choose(&self, asked: Option<&str>, referrer: Option<&str>) -> String {
        let mut candidates = [asked, referrer].into_iter().flatten();
        let found = candidates.find_map(|address| self.read(address));
        // The site is written as the project writes it.
        found.filter(|url| Some(url) != self.parsed.as_ref()).map_or_else(|| self.site.clone(), String::from)
    }

    /// The site itself.
    pub fn site(&self) -> &str {
        &self.site
    }

    /// An address to which a user may be sent, parsed: what is compared is what is sent.
    fn read(&self, address: &str) -> Option<Url> {
        let suspicious = |c: char| c.is_control() || c.is_whitespace() || c == '\\';
        if address.len() > MAX || address.contains(suspicious) {
            return None;
        }
        let url = Url::parse(address).ok()?;
        if !url.username().is_empty() || url.password().is_some() || is_script(&url) {
            return None;
        }
        if self.parsed.as_ref().is_some_and(|site| is_same_place(site, &url)) {
            return Some(url);
        }
        // Queries and fragments are the application's own affair.
        let mut bare = url.clone();
        bare.set_query(None);
        bare.set_fragment(None);
        let bare = bare.as_str();
        let is_allowed = self.allowed.iter().any(|pattern| {
            let matched = |text: &str| matches(pattern.as_bytes(), text.as_bytes());
            matched(bare) || bare.strip_suffix('/').is_some_and(matched) || matched(url.as_str())
        });
        is_allowed.then_some(url)
    }
}

/// Schemes that run what stands in the address.
fn is_script(url: &Url) -> bool {
    matches!(url.scheme(), "javascript" | "data" | "vbscript" | "file" | "blob" | "about")
}

/// Same scheme, host and port; on the machine itself, any port.
fn is_same_place(site: &Url, url: &Url) -> bool {
    let (Some(a), Some(b)) = (site.host(), url.host()) else { return false };
    let is_loopback = match &a {
        Host::Ipv4(address) => address.is_loopback(),
        Host::Ipv6(address) => address.is_loopback(),
        Host::Domain(name) => *name == "localhost",
    };
    let ports = is_loopback || site.port_or_known_default() == url.port_or_known_default();
    site.scheme() == url.scheme() && a == b && ports
}

/// Compares with a pattern: `**` stands for anything, `*` for anything without `.` and `/`, `?` for one such character.
fn matches(pattern: &[u8], text: &[u8]) -> bool {
    // The places of the pattern reached so far; each character moves them on. Neither recursion nor backtracking: a pattern costs
    // its length times the text's.
    let mut places = vec![false; pattern.len() + 1];
    places[0] = true;
    follow_stars(pattern, &mut places);
    for &byte in text {
        let mut next = vec![false; pattern.len() + 1];
        for at in (0..pattern.len()).filter(|at| places[*at]) {
            let separator = matches!(byte, b'.' | b'/');
            match pattern[at] {
                b'*' if pattern.get(at + 1) == Some(&b'*') => next[at] = true,
                b'*' => next[at] |= !separator,
                b'?' => next[at + 1] |= !separator,
                literal => next[at + 1] |= literal == byte,
            }
        }
        follow_stars(pattern, &mut next);
        places = next;
    }
    places[pattern.len()]
}

/// A star may stand for nothing.
fn follow_stars(pattern: &[u8], places: &mut [bool]) {
    for at in 0..pattern.len() {
        if places[at] && pattern[at] == b'*' {
            places[at + if pattern.get(at + 1) == Some(&b'*') { 2 } else { 1 }] = true;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn redirects(allowed: &[&str]) -> Redirects {
        Redirects::new(&Settings {
            site_url: "https://shop.example".into(),
            additional_redirect_urls: allowed.iter().map(|url| (*url).to_owned()).collect(),
            ..Settings::default()
        })
    }

    #[test]
    fn the_site_and_what_is_allowed() {
        let redirects = redirects(&["https://*.preview.example/**", "myapp://callback", "https://exact.example/path"]);
        for allowed in [
            "https://shop.example",
            "https://shop.example/any/path?x=1#y",
            "https://pr-1.preview.example/a/b",
            "myapp://callback",
            "https://exact.example/path",
            "https://exact.example/path?next=1",
        ] {
            assert!(redirects.read(allowed).is_some(), "{allowed}");
        }
    }

    #[test]
    fn nothing_else_however_it_is_written() {
        let redirects = redirects(&["https://*.preview.example/*", "https://exact.example/path"]);
        for refused in [
            "http://shop.example",
            "https://shop.example.evil.example",
            "https://shop.example@evil.example",
            "https://evil.example/https://shop.example",
            "https://evil.example\\@shop.example",
            "https:\\\\evil.example",
            "//evil.example",
            "/path",
            "https://shop.example:8443/",
            "javascript:alert(1)//https://shop.example",
            "https://a.b.preview.example/x",
            "https://pr-1.preview.example/a/b",
            "https://evil.example/.preview.example/x",
            "https://exact.example/path/../other",
            "https://exact.example/path2",
            "https://shop.example%2eevil.example",
            "https://shop\t.example",
            " https://evil.example",
            "data:text/html,x",
            "",
        ] {
            assert!(redirects.read(refused).is_none(), "{refused}");
        }
    }

    #[test]
    fn ports_of_the_own_machine_are_alike() {
        let redirects = Redirects::new(&Settings::default());
        assert!(redirects.read("http://127.0.0.1:5173/welcome").is_some());
        assert!(redirects.read("http://localhost:5173/").is_none());
        assert_eq!(redirects.choose(Some("https://evil.example"), Some("http://127.0.0.1:1/")), "http://127.0.0.1:1/");
        assert_eq!(redirects.choose(Some("https://evil.example"), None), "http://127.0.0.1:3000");
    }

    #[test]
    fn an_address_is_sent_as_it_was_read() {
        let redirects = redirects(&["myapp://callback"]);
        for (asked, sent) in [
            ("https://ⓢhop.example/welcome", "https://shop.example/welcome"),
            ("https:shop.example/x", "https://shop.example/x"),
            ("HTTPS://SHOP.example:443/a/../b", "https://shop.example/b"),
            ("myapp://callback", "myapp://callback"),
        ] {
            assert_eq!(redirects.choose(Some(asked), None), sent, "{asked}");
        }
    }
}
