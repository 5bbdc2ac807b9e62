//! Which of several functions or operators of one name is meant (PostgreSQL manual, sections 10.2 and 10.3).

use std::collections::HashMap;
use std::sync::LazyLock;

use basalt_types::codec::{CastContext, castable};
use basalt_types::{Aggregate, Base, Function, Kind, Operator, SetFunction, Type};

use crate::catalog::{Catalog, EXTENSIONS};

/// The type of a candidate's parameter.
#[derive(Debug, Clone)]
pub(super) enum Parameter {
    /// A built-in function's.
    Kind(Kind),
    /// An SQL function's.
    Type(Type),
}

impl Parameter {
    /// The one type that it takes; `None` for a polymorphic one.
    fn declared(&self) -> Option<Type> {
        match self {
            Parameter::Type(ty) => Some(ty.clone()),
            Parameter::Kind(Kind::Is(base)) => Some(Type::Base(*base)),
            Parameter::Kind(Kind::ArrayOf(base)) => Some(Type::Base(*base).array_of()),
            Parameter::Kind(_) => None,
        }
    }
}

/// A function by its parameters, as a call with so many arguments has them; `None` for one that takes another number of arguments.
pub(super) type Candidate = Option<Vec<Parameter>>;

/// A candidate that fits.
#[derive(Debug, Clone)]
pub(super) struct Fit {
    /// Its place among the candidates.
    pub index: usize,
    /// What each argument has to be converted to; `None` for one that is taken as it is.
    pub types: Vec<Option<Type>>,
    /// What `anyelement` stands for.
    pub element: Option<Type>,
}

/// The outcome of a choice.
pub(super) enum Choice {
    /// This one.
    One(Fit),
    /// None takes these arguments.
    None,
    /// Several do, and nothing prefers one.
    Ambiguous,
}

/// Built-in functions by name.
pub(super) fn functions(name: &str) -> &'static [&'static Function] {
    static INDEX: LazyLock<HashMap<&str, Vec<&'static Function>>> =
        LazyLock::new(|| index(basalt_types::functions(), |f| f.name));
    INDEX.get(name).map_or(&[], Vec::as_slice)
}

/// The extension whose function it is that is built in under the name, if it is one's: PostgreSQL has those in a schema like any other.
pub(super) fn extension_of(name: &str) -> Option<&'static str> {
    Some(match name {
        "gen_random_bytes" | "gen_salt" | "digest" | "hmac" | "crypt" => "pgcrypto",
        "similarity" | "word_similarity" | "strict_word_similarity" | "show_trgm" => "pg_trgm",
        "unaccent" => "unaccent",
        "l1_distance" | "l2_distance" | "inner_product" | "cosine_distance" => "vector",
        "vector_dims" | "vector_norm" | "l2_normalize" | "subvector" => "vector",
        _ if name.starts_with("uuid_generate_v") || name.starts_with("uuid_ns_") => "uuid-ossp",
        _ if name.starts_with("pgp_") => "pgcrypto",
        _ => return None,
    })
}

/// As [`extension_of`], of a name that is called by a schema other than PostgreSQL's own, which has one of them itself by now.
pub fn extension_called(name: &str) -> Option<&'static str> {
    extension_of(name).or_else(|| (name == "gen_random_uuid").then_some("pgcrypto"))
}

/// Whether a schema has what is built in under the name: PostgreSQL's own, that of extensions, or one where the function's extension is.
pub(super) fn is_built_in_at(catalog: &Catalog, schema: &str, name: &str) -> bool {
    let schemas = extension_called(name).and_then(|extension| catalog.extensions.get(extension));
    matches!(schema, "pg_catalog" | EXTENSIONS) || schemas.into_iter().flatten().any(|at| at == schema)
}

/// Whether a built-in function has the name.
pub(super) fn is_built_in(name: &str) -> bool {
    let unlisted = functions(name).is_empty() && set_functions(name).is_empty() && aggregates(name).is_empty();
    !unlisted || is_compiled_aggregate(name)
}

/// Built-in operators by spelling.
pub(super) fn operators(name: &str) -> &'static [&'static Operator] {
    static INDEX: LazyLock<HashMap<&str, Vec<&'static Operator>>> =
        LazyLock::new(|| index(basalt_types::operators(), |o| o.name));
    INDEX.get(name).map_or(&[], Vec::as_slice)
}

/// Built-in aggregates by name.
pub(super) fn aggregates(name: &str) -> &'static [&'static Aggregate] {
    static INDEX: LazyLock<HashMap<&str, Vec<&'static Aggregate>>> =
        LazyLock::new(|| index(basalt_types::aggregates(), |a| a.name));
    INDEX.get(name).map_or(&[], Vec::as_slice)
}

/// Built-in functions that return sets, by name.
pub(super) fn set_functions(name: &str) -> &'static [&'static SetFunction] {
    static INDEX: LazyLock<HashMap<&str, Vec<&'static SetFunction>>> =
        LazyLock::new(|| index(basalt_types::set_functions(), |f| f.name));
    INDEX.get(name).map_or(&[], Vec::as_slice)
}

fn index<T>(
    all: impl Iterator<Item = &'static T>,
    name: fn(&T) -> &'static str,
) -> HashMap<&'static str, Vec<&'static T>> {
    let mut index: HashMap<&'static str, Vec<&'static T>> = HashMap::new();
    for item in all {
        index.entry(name(item)).or_default().push(item);
    }
    index
}

/// A built-in signature's parameters for that many arguments, if it takes as many.
pub(super) fn parameters(args: &[Kind], optional: usize, variadic: bool, count: usize) -> Candidate {
    let kinds: Vec<Kind> = match (variadic, args) {
        (true, [fixed @ .., last]) if count >= fixed.len() => {
            fixed.iter().chain(std::iter::repeat(last)).take(count).copied().collect()
        }
        (false, args) if count <= args.len() && count + optional >= args.len() => args[..count].to_vec(),
        _ => return None,
    };
    Some(kinds.into_iter().map(Parameter::Kind).collect())
}

/// What is built in under the name, functions and aggregates.
pub(super) fn built_in(name: &str, count: usize) -> Vec<Candidate> {
    let functions = functions(name).iter().map(|f| parameters(f.args, f.optional, f.variadic, count));
    let sets = set_functions(name).iter().map(|f| parameters(f.args, f.optional, false, count));
    let plain = aggregates(name).iter().map(|a| parameters(a.args, 0, false, count));
    let compiled = is_compiled_aggregate(name).then(|| parameters(&[Kind::Any], 0, false, count));
    functions.chain(sets).chain(plain).chain(compiled).collect()
}

/// Whether the name is that of an aggregate which the compiler writes out, over any type.
pub(super) fn is_compiled_aggregate(name: &str) -> bool {
    matches!(name, "count" | "min" | "max" | "json_agg" | "jsonb_agg")
}

/// Takes out those whose parameters one has whose place in the search path is before theirs (manual, 10.3 step 1).
pub(super) fn hide(candidates: &mut [Candidate], places: &[usize]) {
    let declared: Vec<Option<Vec<Type>>> =
        candidates.iter().map(|candidate| candidate.as_ref()?.iter().map(Parameter::declared).collect()).collect();
    for (at, candidate) in candidates.iter_mut().enumerate() {
        let is_hidden = |other: usize| places[other] < places[at] && declared[other] == declared[at];
        if declared[at].is_some() && (0..places.len()).any(is_hidden) {
            *candidate = None;
        }
    }
}

/// Whether several of the candidates take what this one does.
pub(super) fn is_repeated(candidates: &[Candidate], one: &Candidate) -> bool {
    let declared = |candidate: &Candidate| -> Option<Vec<Option<Type>>> {
        candidate.as_ref().map(|parameters| parameters.iter().map(Parameter::declared).collect())
    };
    let wanted = declared(one);
    candidates.iter().filter(|candidate| candidate.is_some() && declared(candidate) == wanted).nth(1).is_some()
}

/// Chooses among candidates by their parameters.
pub(super) fn choose(candidates: &[Candidate], args: &[Type]) -> Choice {
    let fits = candidates.iter().enumerate().filter_map(|(i, c)| fit(i, c.as_deref()?, args));
    let fits: Vec<(Fit, Vec<Type>)> = fits.collect();
    let all_known = args.iter().all(|a| *a != Type::UNKNOWN);
    if all_known && let Some((exact, _)) = fits.iter().find(|(_, shown)| shown == args) {
        return Choice::One(exact.clone());
    }
    match prefer(fits, args) {
        mut best if best.len() == 1 => best.pop().map_or(Choice::None, |(fit, _)| Choice::One(fit)),
        best if best.is_empty() => Choice::None,
        _ => Choice::Ambiguous,
    }
}

/// Fits a candidate to the arguments: with it, its declared types (polymorphic ones as `void`, which equals no argument's).
fn fit(index: usize, parameters: &[Parameter], args: &[Type]) -> Option<(Fit, Vec<Type>)> {
    let element = element(parameters, args)?;
    let mut types = Vec::with_capacity(args.len());
    let mut shown = Vec::with_capacity(args.len());
    for (parameter, arg) in parameters.iter().zip(args) {
        let (wanted, declared) = match parameter {
            Parameter::Type(ty) => (Some(ty.clone()), ty.clone()),
            Parameter::Kind(Kind::Is(base)) => (Some(Type::Base(*base)), Type::Base(*base)),
            Parameter::Kind(Kind::ArrayOf(base)) => {
                let ty = Type::Base(*base).array_of();
                (Some(ty.clone()), ty)
            }
            Parameter::Kind(Kind::AnyElement) => (Some(element.clone()?), Type::VOID),
            Parameter::Kind(Kind::AnyArray) => (Some(element.clone()?.array_of()), Type::VOID),
            Parameter::Kind(Kind::AnyRange) => (Some(range_over(element.as_ref()?)?), Type::VOID),
            Parameter::Kind(Kind::Any) => (None, Type::VOID),
            Parameter::Kind(Kind::AnyEnum) => match arg {
                Type::Enum(_) => (None, Type::VOID),
                _ => return None,
            },
            Parameter::Kind(Kind::Record) => match arg {
                Type::Record(_) => (None, Type::VOID),
                _ => return None,
            },
        };
        if let Some(wanted) = &wanted
            && *arg != Type::UNKNOWN
            && arg != wanted
            && !implicit(arg, wanted)
        {
            return None;
        }
        types.push(wanted);
        shown.push(declared);
    }
    Some((Fit { index, types, element }, shown))
}

/// What `anyelement` stands for in a call; the outer `None` if the arguments contradict each other.
fn element(parameters: &[Parameter], args: &[Type]) -> Option<Option<Type>> {
    let mut found: Option<Type> = None;
    let mut asked = false;
    let mut exact = false;
    for (parameter, arg) in parameters.iter().zip(args) {
        let given = match parameter {
            Parameter::Kind(Kind::AnyElement) => {
                asked = true;
                (*arg != Type::UNKNOWN).then(|| arg.clone())
            }
            Parameter::Kind(Kind::AnyArray) => {
                asked = true;
                match arg {
                    Type::Array(element) => Some((**element).clone()),
                    Type::Base(Base::Unknown) => None,
                    _ => return None,
                }
            }
            Parameter::Kind(Kind::AnyRange) => {
                exact = true;
                match arg {
                    Type::Base(Base::Unknown) => None,
                    Type::Base(range) => Some(Type::Base(range.subtype()?)),
                    _ => return None,
                }
            }
            _ => None,
        };
        found = match (found, given) {
            // What a range holds is no other type's value.
            (Some(a), Some(b)) if exact && a != b => return None,
            (Some(a), Some(b)) => Some(common(&a, &b)?),
            (a, b) => a.or(b),
        };
    }
    if asked && found.is_none() {
        // As PostgreSQL does for `anyelement` of literals only, where the function allows it.
        found = Some(Type::TEXT);
    }
    Some(found)
}

/// The range type over what `anyelement` stands for.
fn range_over(element: &Type) -> Option<Type> {
    element.base()?.range().map(Type::Base)
}

/// The rounds of preference (manual, 10.3 step 4 and 10.2 step 3).
fn prefer(mut fits: Vec<(Fit, Vec<Type>)>, args: &[Type]) -> Vec<(Fit, Vec<Type>)> {
    keep_best(&mut fits, |shown| shown.iter().zip(args).filter(|(s, a)| *a != &Type::UNKNOWN && s == a).count());
    keep_best(&mut fits, |shown| {
        let counts = |(s, a): &(&Type, &Type)| {
            *a != &Type::UNKNOWN && (s == a || (is_preferred(s) && category(s) == category(a)))
        };
        shown.iter().zip(args).filter(counts).count()
    });
    for (place, arg) in args.iter().enumerate() {
        if *arg != Type::UNKNOWN || fits.len() < 2 {
            continue;
        }
        let categories: Vec<Category> = fits.iter().map(|(_, shown)| category(&shown[place])).collect();
        let chosen = if categories.contains(&Category::String) {
            Category::String
        } else if categories.iter().all(|c| *c == categories[0]) {
            categories[0]
        } else {
            continue;
        };
        fits.retain(|(_, shown)| category(&shown[place]) == chosen);
        if fits.iter().any(|(_, shown)| is_preferred(&shown[place])) {
            fits.retain(|(_, shown)| is_preferred(&shown[place]));
        }
    }
    if fits.len() > 1 {
        let mut known = args.iter().filter(|a| **a != Type::UNKNOWN);
        if let Some(first) = known.next()
            && known.all(|a| a == first)
        {
            let same: Vec<_> = fits.iter().filter(|(_, shown)| shown.iter().all(|s| s == first)).cloned().collect();
            if same.len() == 1 {
                return same;
            }
        }
    }
    fits
}

fn keep_best(fits: &mut Vec<(Fit, Vec<Type>)>, score: impl Fn(&[Type]) -> usize) {
    let best = fits.iter().map(|(_, shown)| score(shown)).max().unwrap_or(0);
    fits.retain(|(_, shown)| score(shown) == best);
}

/// Whether a value of one type may stand where the other is wanted, unasked.
pub(super) fn implicit(from: &Type, to: &Type) -> bool {
    match (from, to) {
        (Type::Record(_), Type::Record(_)) => true,
        _ => from == to || castable(from, to) == Some(CastContext::Implicit),
    }
}

/// The type that values of both can become unasked (manual, 10.5), if there is one.
pub(super) fn common(a: &Type, b: &Type) -> Option<Type> {
    if a == b || *b == Type::UNKNOWN {
        return Some(a.clone());
    }
    if *a == Type::UNKNOWN {
        return Some(b.clone());
    }
    if category(a) != category(b) {
        return None;
    }
    match (implicit(a, b), implicit(b, a)) {
        (_, true) if is_preferred(a) => Some(a.clone()),
        (true, _) => Some(b.clone()),
        (false, true) => Some(a.clone()),
        (false, false) => None,
    }
}

/// The type as which an operator compares values of both, if there is one: `real` beside another number is compared as
/// `double precision`, though their common type is `real`.
pub(super) fn compared(a: &Type, b: &Type) -> Option<Type> {
    let common = common(a, b)?;
    let widened = a != b && common == Type::Base(Base::Float4);
    Some(if widened && *a != Type::UNKNOWN && *b != Type::UNKNOWN { Type::Base(Base::Float8) } else { common })
}

/// PostgreSQL's `pg_type.typcategory`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Category {
    Array,
    Boolean,
    Composite,
    DateTime,
    Enum,
    Numeric,
    Range,
    String,
    Timespan,
    User,
    Other,
}

fn category(ty: &Type) -> Category {
    match ty {
        Type::Array(_) => Category::Array,
        Type::Enum(_) => Category::Enum,
        Type::Record(_) => Category::Composite,
        Type::Other(_) => Category::User,
        Type::Base(base) => match base {
            Base::Bool => Category::Boolean,
            Base::Int2 | Base::Int4 | Base::Int8 | Base::Float4 | Base::Float8 | Base::Numeric => Category::Numeric,
            Base::Text | Base::Varchar | Base::Bpchar | Base::Name => Category::String,
            Base::Date | Base::Time | Base::Timestamp | Base::Timestamptz => Category::DateTime,
            Base::Interval => Category::Timespan,
            Base::Void | Base::Unknown | Base::Trigger | Base::EventTrigger => Category::Other,
            base if base.subtype().is_some() => Category::Range,
            _ => Category::User,
        },
    }
}

fn is_preferred(ty: &Type) -> bool {
    matches!(ty, Type::Base(Base::Bool | Base::Float8 | Base::Text | Base::Timestamptz | Base::Interval))
}

/// The type that a signature's result has in one call.
pub(super) fn result_type(kind: Kind, fit: &Fit, args: &[Type]) -> Type {
    match kind {
        Kind::Is(base) => Type::Base(base),
        Kind::ArrayOf(base) => Type::Base(base).array_of(),
        Kind::AnyElement => fit.element.clone().unwrap_or(Type::TEXT),
        // An array of arrays is one of their type, with a dimension more.
        Kind::AnyArray => match &fit.element {
            Some(array @ Type::Array(_)) => array.clone(),
            element => element.clone().unwrap_or(Type::TEXT).array_of(),
        },
        Kind::AnyRange => fit.element.as_ref().and_then(range_over).unwrap_or(Type::TEXT),
        Kind::AnyEnum => args.iter().find(|a| matches!(a, Type::Enum(_))).cloned().unwrap_or(Type::TEXT),
        Kind::Any => args.first().cloned().unwrap_or(Type::TEXT),
        Kind::Record => Type::Record(Default::default()),
    }
}
