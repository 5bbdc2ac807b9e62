//! `ts_headline`: an excerpt of a document, with the query's words marked (manual, section 12.3.4).

use std::ops::RangeInclusive;

use super::config::Config;
use super::cover::{self, Word};
use super::headline_options::Options;
use super::query::{Operand, Query};
use super::token::{TokenKind, Tokens};

/// A token as it is shown.
struct Piece<'a> {
    kind: TokenKind,
    text: &'a str,
    /// Whether the query asks for it.
    marked: bool,
}

/// A stretch of pieces.
type Stretch = RangeInclusive<usize>;

/// The excerpt of a document.
pub(super) fn excerpt(config: &Config, document: &str, query: Option<&Query>, options: &Options) -> String {
    let mut operands = Vec::new();
    if let Some(query) = query {
        query.operands(&mut operands);
    }
    let page = Page::of(config, document, &operands, options.short_word);
    if page.pieces.is_empty() {
        return String::new();
    }
    let covers = query.map(|query| page.covers(query)).unwrap_or_default();
    let stretches = if options.whole {
        vec![0..=page.pieces.len() - 1]
    } else if options.max_fragments > 0 {
        page.fragments(&covers, options)
    } else {
        vec![page.best(&covers, options)]
    };
    let shown: Vec<String> = stretches.into_iter().map(|stretch| page.show(stretch, options)).collect();
    shown.join(&options.delimiter)
}

/// A document in pieces, and where the query's words are among them.
struct Page<'a, 'q> {
    pieces: Vec<Piece<'a>>,
    words: Vec<Word<'q>>,
    /// The piece of each of the words.
    piece_of: Vec<usize>,
    short_word: usize,
}

impl<'a, 'q> Page<'a, 'q> {
    fn of(config: &Config, document: &'a str, operands: &[&'q Operand], short_word: usize) -> Self {
        let mut page = Page { pieces: Vec::new(), words: Vec::new(), piece_of: Vec::new(), short_word };
        let mut at: u16 = 0;
        for token in Tokens::of(document) {
            let mut marked = false;
            if token.kind.is_searched() {
                at = at.saturating_add(1);
                let lexeme = config.lexeme(token.kind, token.text);
                let answers = |operand: &&&'q Operand| match &lexeme {
                    Some(lexeme) if operand.prefix => lexeme.starts_with(&operand.lexeme),
                    Some(lexeme) => *lexeme == operand.lexeme,
                    None => false,
                };
                let found: Vec<&'q str> =
                    operands.iter().filter(answers).map(|operand| operand.lexeme.as_str()).collect();
                marked = !found.is_empty();
                if marked {
                    page.words.push(Word { at, weight: 0, operands: found });
                    page.piece_of.push(page.pieces.len());
                }
            }
            // A compound is shown by its parts.
            if !matches!(token.kind, TokenKind::Url | TokenKind::NumHword | TokenKind::AsciiHword | TokenKind::Hword) {
                page.pieces.push(Piece { kind: token.kind, text: token.text, marked });
            }
        }
        page
    }

    /// The covers as stretches of pieces.
    fn covers(&self, query: &Query) -> Vec<Stretch> {
        let index_of = |word: &Word<'_>| self.words.partition_point(|other| other.at < word.at);
        let last_piece = self.pieces.len() - 1;
        cover::covers(&self.words, query)
            .into_iter()
            .map(|cover| {
                let (first, last) = (index_of(&cover[0]), index_of(&cover[cover.len() - 1]));
                self.piece_of[first].min(last_piece)..=self.piece_of[last].min(last_piece)
            })
            .collect()
    }

    fn is_word(&self, at: usize) -> bool {
        self.pieces[at].kind.is_searched()
    }

    fn word_count(&self, stretch: Stretch) -> usize {
        stretch.filter(|at| self.is_word(*at)).count()
    }

    fn mark_count(&self, stretch: Stretch) -> usize {
        stretch.filter(|at| self.pieces[*at].marked).count()
    }

    /// Whether an excerpt may end here: at a word that isn't short.
    fn is_good_end(&self, at: usize) -> bool {
        let piece = &self.pieces[at];
        let is_number = matches!(
            piece.kind,
            TokenKind::Int | TokenKind::Uint | TokenKind::Float | TokenKind::SFloat | TokenKind::Version
        );
        piece.marked || self.is_word(at) && !is_number && piece.text.chars().count() > self.short_word
    }

    /// The excerpt around the cover that shows most; the start of the document without one.
    fn best(&self, covers: &[Stretch], options: &Options) -> Stretch {
        covers
            .iter()
            .map(|cover| (cover, self.grown(cover, options)))
            .rev()
            .max_by_key(|(cover, stretch)| {
                let complete = stretch.start() <= cover.start() && stretch.end() >= cover.end();
                (complete, self.mark_count(stretch.clone()), self.is_good_end(*stretch.end()))
            })
            .map_or_else(|| self.start(options), |(_, stretch)| stretch)
    }

    /// The first words.
    fn start(&self, options: &Options) -> Stretch {
        0..=self.nth_word_from(0, options.min_words)
    }

    /// The piece of the `count`th word from here on, or the last one.
    fn nth_word_from(&self, from: usize, count: usize) -> usize {
        (from..self.pieces.len())
            .filter(|at| self.is_word(*at))
            .nth(count.saturating_sub(1))
            .unwrap_or(self.pieces.len() - 1)
    }

    /// A cover cut or extended to a length between the limits, with a good end if there is one.
    fn grown(&self, cover: &Stretch, options: &Options) -> Stretch {
        let (mut start, mut end) = (*cover.start(), *cover.end());
        let mut count = self.word_count(cover.clone());
        if count >= options.max_words {
            end = self.nth_word_from(start, options.max_words);
            count = self.word_count(start..=end);
            while count > options.min_words && !self.is_good_end(end) {
                count -= usize::from(self.is_word(end));
                end -= 1;
            }
            return start..=end;
        }
        while end + 1 < self.pieces.len()
            && count < options.max_words
            && !(count >= options.min_words && self.is_good_end(end))
        {
            end += 1;
            count += usize::from(self.is_word(end));
        }
        while start > 0 && count < options.min_words {
            start -= 1;
            count += usize::from(self.is_word(start));
        }
        start..=end
    }

    /// Several excerpts, apart from each other, in order: those that show most come first into the choice.
    fn fragments(&self, covers: &[Stretch], options: &Options) -> Vec<Stretch> {
        let mut candidates: Vec<Stretch> = covers.iter().flat_map(|cover| self.chunks(cover, options)).collect();
        candidates
            .sort_by_key(|chunk| (std::cmp::Reverse(self.mark_count(chunk.clone())), self.word_count(chunk.clone())));
        let mut fragments: Vec<Stretch> = Vec::new();
        for chunk in candidates {
            if fragments.len() == options.max_fragments {
                break;
            }
            if fragments.iter().all(|taken| taken.end() < chunk.start() || chunk.end() < taken.start()) {
                let free = self.free_around(&chunk, &fragments);
                fragments.push(self.stretched(&chunk, &free, options));
            }
        }
        if fragments.is_empty() {
            fragments.push(self.start(options));
        }
        fragments.sort_by_key(|fragment| *fragment.start());
        fragments
    }

    /// A cover in parts that aren't too long, each from one word of the query to another.
    fn chunks(&self, cover: &Stretch, options: &Options) -> Vec<Stretch> {
        let mut chunks = Vec::new();
        let mut rest = cover.clone();
        while let Some(start) = rest.find(|at| self.pieces[*at].marked) {
            let limit = self.nth_word_from(start, options.max_words).min(*cover.end());
            let end = (start..=limit).rev().find(|at| self.pieces[*at].marked).unwrap_or(start);
            chunks.push(start..=end);
            rest = end + 1..=*cover.end();
        }
        chunks
    }

    /// The pieces around a stretch that are in none of the others.
    fn free_around(&self, chunk: &Stretch, taken: &[Stretch]) -> Stretch {
        let after = taken.iter().filter(|other| other.end() < chunk.start()).map(|other| other.end() + 1).max();
        let before = taken.iter().filter(|other| other.start() > chunk.end()).map(|other| other.start() - 1).min();
        after.unwrap_or(0)..=before.unwrap_or(self.pieces.len() - 1)
    }

    /// A stretch with words before and behind it, as far as there is room.
    fn stretched(&self, chunk: &Stretch, free: &Stretch, options: &Options) -> Stretch {
        let (mut start, mut end) = (*chunk.start(), *chunk.end());
        let mut room = options.max_words.saturating_sub(self.word_count(chunk.clone()));
        let (mut before, mut used) = (0, 0);
        for at in (*free.start()..start).rev() {
            if before == room / 2 {
                break;
            }
            before += usize::from(self.is_word(at));
            if self.is_good_end(at) {
                (start, used) = (at, before);
            }
        }
        room -= used;
        for at in end + 1..=*free.end() {
            if room == 0 {
                break;
            }
            room -= usize::from(self.is_word(at));
            if self.is_good_end(at) {
                end = at;
            }
        }
        start..=end
    }

    fn show(&self, stretch: Stretch, options: &Options) -> String {
        let mut out = String::new();
        for piece in &self.pieces[stretch] {
            match piece.kind {
                TokenKind::Tag if !options.whole => out.push(' '),
                _ if piece.marked => {
                    out.push_str(&options.start);
                    out.push_str(piece.text);
                    out.push_str(&options.stop);
                }
                _ => out.push_str(piece.text),
            }
        }
        out
    }
}
