// The page's data and its texts, in the plural form that the language asks for.

export const data = JSON.parse(document.getElementById("shell-data").textContent);
const plural = new Intl.PluralRules(data.language);

function filled(text, fields) {
  return text.replace(/\{(\w+)\}/g, (hole, name) => (name in fields ? String(fields[name]) : hole));
}

export const has = key => key in data.texts;

export function t(key, fields = {}) {
  const forms = data.texts[key];
  return forms ? filled(forms[forms.length - 1], fields) : key;
}

export function counted(key, count, fields = {}) {
  const forms = data.texts[key] || [key];
  const form = forms.length > 1 && plural.select(count) === "one" ? forms[0] : forms[forms.length - 1];
  return filled(form, { count, ...fields });
}
