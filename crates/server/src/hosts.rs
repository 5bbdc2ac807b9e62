//! Names by which pages that anybody at the machine may read are asked for.
//!
//! A page of somebody else's site can have its own name resolve to this machine (DNS rebinding), and is then of the same origin as what answers
//! here. Its requests still carry its name in `Host`. An address can't be rebound, so any will do.

use std::net::IpAddr;

use http::Request;
use http::header::HOST;
use http::uri::Authority;
use url::Url;

use crate::config::Server;

/// Names of this server, in lower case.
#[derive(Debug, Clone)]
pub(crate) struct Hosts(Vec<String>);

impl Hosts {
    /// The name that the server listens by, and the one that clients find it by.
    pub fn new(server: &Server) -> Hosts {
        let public = Url::parse(&server.public_url).ok();
        let public = public.as_ref().and_then(Url::host_str).unwrap_or_default();
        Hosts([&*server.host, public].into_iter().filter(|name| !name.is_empty()).map(str::to_lowercase).collect())
    }

    /// Whether a request asks for one of them, for this machine, or for an address. What names no host is no browser's.
    pub fn are_asked(&self, request: &Request<impl Sized>) -> bool {
        let named = match request.headers().get(HOST) {
            // HTTP/2 has it in the URI.
            None => request.uri().authority().cloned(),
            Some(host) => match Authority::try_from(host.as_bytes()) {
                Ok(authority) => Some(authority),
                Err(_) => return false,
            },
        };
        named.is_none_or(|authority| self.have(authority.host()))
    }

    fn have(&self, host: &str) -> bool {
        let host = host.trim_end_matches('.').to_lowercase();
        let address = host.trim_start_matches('[').trim_end_matches(']');
        let is_here = host == "localhost" || host.ends_with(".localhost");
        is_here || address.parse::<IpAddr>().is_ok() || self.0.contains(&host)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn is_asked(uri: &str, host: Option<&str>) -> bool {
        let server =
            Server { host: "Dev-Box".into(), public_url: "https://api.example.com/base".into(), ..Server::default() };
        let mut request = Request::get(uri);
        if let Some(host) = host {
            request = request.header(HOST, host);
        }
        Hosts::new(&server).are_asked(&request.body(()).unwrap())
    }

    #[test]
    fn this_machine_its_names_and_addresses_may_be_asked_for() {
        for host in [
            "localhost",
            "LOCALHOST:54321",
            "app.localhost:54321",
            "localhost.",
            "127.0.0.1:54321",
            "127.8.9.1",
            "[::1]:54321",
            "192.168.1.20:54321",
            "dev-box:54321",
            "api.example.com",
            "API.example.com:443",
        ] {
            assert!(is_asked("/studio/mail", Some(host)), "{host}");
        }
        assert!(is_asked("/studio/mail", None), "HTTP/1.0");
        assert!(is_asked("https://localhost/studio/mail", None), "HTTP/2");
    }

    #[test]
    fn names_of_others_may_not() {
        for host in [
            "evil.example",
            "evil.example:54321",
            "localhost.evil.example",
            "127.0.0.1.evil.example",
            "notlocalhost",
            "example.com",
            "xapi.example.com",
            "user@evil.example",
            "",
            "evil .example",
        ] {
            assert!(!is_asked("/studio/mail", Some(host)), "{host}");
        }
        assert!(!is_asked("https://evil.example/studio/mail", None));
    }
}
