//! The properties of runs go in, how their text is seen comes out: hidden, struck, raised, in a font of signs (ECMA-376 part 1, 17.3.2).

use super::super::xml::{Element, Xml};
use crate::document::HiddenCause;
use crate::error::Result;
use crate::ingest::marks::{Look, Shift};
use crate::ingest::symbols::SignFont;

/// What one place says of runs: a style, the defaults, or a run itself. None where it says nothing.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct RunProperties {
    is_hidden: Option<bool>,
    is_struck: Option<bool>,
    is_struck_twice: Option<bool>,
    shift: Option<Shift>,
    /// The font of signs; the inner none is a font of letters.
    #[expect(clippy::option_option, reason = "nothing is said, letters, and signs are three cases")]
    font: Option<Option<SignFont>>,
    /// The character style that a run names.
    pub(super) style: Option<String>,
}

impl RunProperties {
    /// Reads the properties inside the element that was opened last.
    ///
    /// # Errors
    /// `limit_exceeded` for nesting.
    pub(super) fn read(xml: &mut Xml<'_>) -> Result<Self> {
        let level = xml.depth();
        let mut properties = Self::default();
        while let Some(element) = xml.next_open_in(level)? {
            match element.name() {
                "rPrChange" => xml.skip()?,
                "rStyle" => properties.style = element.attribute("val"),
                _ => properties.take(&element),
            }
        }
        Ok(properties)
    }

    /// Takes `element` where it is a property of runs.
    pub(super) fn take(&mut self, element: &Element<'_>) {
        match element.name() {
            "vanish" => self.is_hidden = Some(element.is_switched_on()),
            "strike" => self.is_struck = Some(element.is_switched_on()),
            "dstrike" => self.is_struck_twice = Some(element.is_switched_on()),
            "vertAlign" => {
                self.shift = Some(match element.attribute("val").as_deref() {
                    Some("superscript") => Shift::Raised,
                    Some("subscript") => Shift::Lowered,
                    _ => Shift::Level,
                });
            }
            // In half points; text that is only moved is raised or lowered as well.
            "position" if self.shift.is_none() => {
                self.shift =
                    element.attribute("val").and_then(|value| value.trim().parse::<i32>().ok()).map(|by| match by {
                        1.. => Shift::Raised,
                        0 => Shift::Level,
                        _ => Shift::Lowered,
                    });
            }
            "rFonts" => {
                let name = ["ascii", "hAnsi", "cs"].into_iter().find_map(|name| element.attribute(name));
                self.font = name.map(|name| SignFont::named(&name)).or(self.font);
            }
            _ => {}
        }
    }

    /// Adds what `further` says where this says nothing: a style that this one builds on.
    pub(super) fn or(&mut self, further: &Self) {
        self.is_hidden = self.is_hidden.or(further.is_hidden);
        self.is_struck = self.is_struck.or(further.is_struck);
        self.is_struck_twice = self.is_struck_twice.or(further.is_struck_twice);
        self.shift = self.shift.or(further.shift);
        self.font = self.font.or(further.font);
    }
}

/// Where the properties of a run come from, the nearest last.
pub(super) struct Sources<'a> {
    pub(super) defaults: &'a RunProperties,
    pub(super) of_paragraph: &'a RunProperties,
    pub(super) of_characters: &'a RunProperties,
    pub(super) own: &'a RunProperties,
}

impl Sources<'_> {
    /// A property that styles toggle (17.7.3): what both styles say cancels out, what the run says decides.
    fn toggled(&self, of: impl Fn(&RunProperties) -> Option<bool>) -> bool {
        let is_on = |properties| of(properties).unwrap_or(false);
        let by_styles = is_on(self.defaults) || is_on(self.of_paragraph) != is_on(self.of_characters);
        of(self.own).unwrap_or(by_styles)
    }

    fn nearest<T>(&self, of: impl Fn(&RunProperties) -> Option<T>) -> Option<T> {
        of(self.own).or_else(|| of(self.of_characters)).or_else(|| of(self.of_paragraph)).or_else(|| of(self.defaults))
    }

    /// The look of the run.
    pub(super) fn look(&self) -> Look {
        let is_struck = self.toggled(|run| run.is_struck) || self.toggled(|run| run.is_struck_twice);
        let cause = match self.toggled(|run| run.is_hidden) {
            true => Some(HiddenCause::Hidden),
            false => is_struck.then_some(HiddenCause::Struck),
        };
        Look { cause, shift: self.nearest(|run| run.shift).unwrap_or_default() }
    }

    /// The font of signs that the run is in.
    pub(super) fn font(&self) -> Option<SignFont> {
        self.nearest(|run| run.font).flatten()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_two_styles_toggle_is_off_and_the_run_decides() {
        let says = |is_hidden| RunProperties { is_hidden, ..RunProperties::default() };
        let look = |paragraph, characters, own| {
            let (defaults, of_paragraph) = (RunProperties::default(), says(paragraph));
            let (of_characters, own) = (says(characters), says(own));
            let sources =
                Sources { defaults: &defaults, of_paragraph: &of_paragraph, of_characters: &of_characters, own: &own };
            sources.look().cause.is_some()
        };
        assert!(look(Some(true), None, None) && look(None, Some(true), None) && look(None, None, Some(true)));
        assert!(!look(Some(true), Some(true), None) && !look(Some(true), None, Some(false)));
    }
}
