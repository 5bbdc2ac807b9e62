//! A document cut into tokens, as PostgreSQL's default parser does it (manual, section 12.5).

use super::recognise;

/// What a token is (manual, table 12.1).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum TokenKind {
    AsciiWord,
    Word,
    NumWord,
    Email,
    Url,
    Host,
    SFloat,
    Version,
    HwordNumPart,
    HwordPart,
    HwordAsciiPart,
    Blank,
    Tag,
    Protocol,
    NumHword,
    AsciiHword,
    Hword,
    UrlPath,
    File,
    Float,
    Int,
    Uint,
    Entity,
}

impl TokenKind {
    /// Whether it has a place in a vector, if only as a stop word.
    pub fn is_searched(self) -> bool {
        !matches!(self, TokenKind::Blank | TokenKind::Tag | TokenKind::Protocol | TokenKind::Entity)
    }
}

/// A token of a document.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Token<'a> {
    pub kind: TokenKind,
    pub text: &'a str,
}

/// The tokens of a document, in order. A hyphenated word and a URL come whole, and then part by part.
pub(super) struct Tokens<'a> {
    rest: &'a str,
    /// What is left of a compound: its text, and which one it is.
    parts: Option<(TokenKind, &'a str)>,
}

impl<'a> Tokens<'a> {
    /// Of this document.
    pub fn of(document: &'a str) -> Self {
        Tokens { rest: document, parts: None }
    }

    /// The next part of the compound under way. The hyphen after its last part goes with it.
    fn part(&mut self, whole: TokenKind, text: &'a str) -> Token<'a> {
        let (kind, length) = match whole {
            TokenKind::Url => match recognise::host_with_port(text) {
                Some(length) => (TokenKind::Host, length),
                None => (TokenKind::UrlPath, text.len()),
            },
            _ if text.starts_with('-') => (TokenKind::Blank, 1),
            _ => {
                let length = text.find('-').unwrap_or(text.len());
                (part_kind(&text[..length]), length)
            }
        };
        self.parts = match &text[length..] {
            "" => None,
            rest => Some((whole, rest)),
        };
        if self.parts.is_none() && whole != TokenKind::Url {
            self.rest = self.rest.strip_prefix('-').unwrap_or(self.rest);
        }
        Token { kind, text: &text[..length] }
    }
}

impl<'a> Iterator for Tokens<'a> {
    type Item = Token<'a>;

    fn next(&mut self) -> Option<Token<'a>> {
        if let Some((whole, text)) = self.parts {
            return Some(self.part(whole, text));
        }
        if self.rest.is_empty() {
            return None;
        }
        let (kind, length) = recognise::first(self.rest);
        let (text, rest) = self.rest.split_at(length);
        self.rest = rest;
        if matches!(kind, TokenKind::Url | TokenKind::AsciiHword | TokenKind::Hword | TokenKind::NumHword) {
            self.parts = Some((kind, text));
        }
        Some(Token { kind, text })
    }
}

fn part_kind(part: &str) -> TokenKind {
    match recognise::word_kind(part) {
        TokenKind::AsciiWord => TokenKind::HwordAsciiPart,
        TokenKind::Word => TokenKind::HwordPart,
        _ => TokenKind::HwordNumPart,
    }
}
