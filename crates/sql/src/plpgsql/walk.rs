//! Everything within a body: its statements, its pieces of SQL, and what its names mean.

use super::ast::{Block, Body, Known, Named, Over, Sql, Statement, Target};

impl Block {
    /// Calls `f` with every statement, those within others too.
    pub fn each_statement<'b>(&'b self, f: &mut dyn FnMut(&'b Statement)) {
        let handled = self.handlers.iter().flat_map(|handler| &handler.statements);
        self.statements.iter().chain(handled).for_each(|statement| statement.each(f));
    }

    fn each_perform_mut(&mut self, f: &mut dyn FnMut(&mut Sql)) {
        let handled = self.handlers.iter_mut().flat_map(|handler| &mut handler.statements);
        self.statements.iter_mut().chain(handled).for_each(|statement| statement.each_perform_mut(f));
    }
}

impl Statement {
    fn each_perform_mut(&mut self, f: &mut dyn FnMut(&mut Sql)) {
        match self {
            Statement::Perform(sql) => f(sql),
            Statement::If(branches, otherwise) => {
                let within = branches.iter_mut().flat_map(|(_, statements)| statements).chain(otherwise);
                within.for_each(|statement| statement.each_perform_mut(f));
            }
            Statement::Loop(looped) => looped.statements.iter_mut().for_each(|statement| statement.each_perform_mut(f)),
            Statement::Block(block) => block.each_perform_mut(f),
            _ => {}
        }
    }

    /// Whether it may end the function or the block around it.
    pub fn returns(&self) -> bool {
        let mut found = false;
        self.each(&mut |statement| {
            found |= matches!(statement, Statement::ReturnRow(_) | Statement::Return(_) | Statement::Leave(_));
        });
        found
    }

    /// What it assigns to, but for the statements within it.
    pub fn targets(&self) -> Vec<&Target> {
        match self {
            Statement::Assign(target, _) => vec![target],
            Statement::Into(_, into) | Statement::Execute(_, Some(into)) => into.targets.iter().collect(),
            Statement::Diagnostics(items) => items.iter().map(|(target, _)| target).collect(),
            Statement::Loop(looped) => match &looped.over {
                Over::Rows(targets, _) => targets.iter().collect(),
                Over::Elements(target, ..) => vec![target],
                _ => Vec::new(),
            },
            _ => Vec::new(),
        }
    }

    fn each<'b>(&'b self, f: &mut dyn FnMut(&'b Statement)) {
        f(self);
        match self {
            Statement::If(branches, otherwise) => {
                let within = branches.iter().flat_map(|(_, statements)| statements).chain(otherwise);
                within.for_each(|statement| statement.each(f));
            }
            Statement::Loop(looped) => looped.statements.iter().for_each(|statement| statement.each(f)),
            Statement::Block(block) => block.each_statement(f),
            _ => {}
        }
    }
}

impl Body {
    /// Lets `f` change its PERFORMs.
    pub fn each_perform_mut(&mut self, f: &mut dyn FnMut(&mut Sql)) {
        self.block.each_perform_mut(f);
    }

    /// The names that are known at a place, innermost first: the label of its block, if that has one, the name, and the variable.
    pub fn known(&self, scope: Option<usize>) -> Vec<(Option<&str>, &str, Known)> {
        let (mut found, mut block_from, mut next) = (Vec::new(), 0, scope);
        while let Some(at) = next {
            match &self.names[at].what {
                Named::Variable(variable) => {
                    found.push((None, self.variables[*variable].name.as_str(), Known::Declared(*variable)));
                }
                Named::Alias(name, of) => found.push((None, name, of.clone())),
                Named::Block(label) => {
                    found[block_from..].iter_mut().for_each(|(of, ..)| *of = label.as_deref());
                    block_from = found.len();
                }
            }
            next = self.names[at].before;
        }
        found
    }
}
