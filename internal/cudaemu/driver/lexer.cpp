// From PTX text to tokens.
#include "ptx.h"
#include <cctype>
#include <cstdlib>
#include <cstring>

namespace emu {

PTXError::PTXError(int line, const std::string &what)
	: std::runtime_error("ptx line " + std::to_string(line) + ": " + what) {}

static const struct {
	const char *word;
	Type type;
	int bytes;
} types[] = {
	{"b8", Type::b8, 1},
	{"b16", Type::b16, 2},
	{"b32", Type::b32, 4},
	{"b64", Type::b64, 8},
	{"b128", Type::b128, 16},
	{"u8", Type::u8, 1},
	{"u16", Type::u16, 2},
	{"u32", Type::u32, 4},
	{"u64", Type::u64, 8},
	{"s8", Type::s8, 1},
	{"s16", Type::s16, 2},
	{"s32", Type::s32, 4},
	{"s64", Type::s64, 8},
	{"f16", Type::f16, 2},
	{"f16x2", Type::f16x2, 4},
	{"bf16", Type::bf16, 2},
	{"bf16x2", Type::bf16x2, 4},
	{"tf32", Type::tf32, 4},
	{"f32", Type::f32, 4},
	{"f64", Type::f64, 8},
	{"pred", Type::pred, 1},
};

Type typeOf(const std::string &word) {
	for (auto &t : types)
		if (word == t.word)
			return t.type;
	return Type::none;
}

int bytesOf(Type type) {
	for (auto &t : types)
		if (type == t.type)
			return t.bytes;
	return 0;
}

bool isFloat(Type t) { return t >= Type::f16 && t <= Type::f64; }
bool isSigned(Type t) { return t >= Type::s8 && t <= Type::s64; }

static bool begins(char c) { return isalpha((unsigned char)c) || c == '_' || c == '$' || c == '%' || c == '.'; }
static bool goesOn(char c) { return isalnum((unsigned char)c) || c == '_' || c == '$' || c == '.' || c == '%'; }

// number reads 12, 0x1F, 0b101, 017, 12U, 0f3F800000, 0d3FF0000000000000.
static const char *number(const char *p, Token &t) {
	char kind = p[0] == '0' ? (char)tolower(p[1]) : 0;
	char *end;
	if (kind == 'f' || kind == 'd') {
		size_t digits = kind == 'f' ? 8 : 16;
		std::string hex(p + 2, strnlen(p + 2, digits));
		t.bits = strtoull(hex.c_str(), &end, 16);
		if (hex.size() != digits || *end)
			throw PTXError(
				t.line, "a number 0" + std::string(1, kind) + " has " + std::to_string(digits) + " hexadecimal digits");
		t.kind = kind == 'f' ? Token::real32 : Token::real64;
		t.text = std::string(p, digits + 2);
		return p + 2 + digits;
	}
	t.kind = Token::integer;
	t.bits = kind == 'b' ? strtoull(p + 2, &end, 2) : strtoull(p, &end, 0);
	if (*end == '.' || *end == 'e' || *end == 'E') {
		double value = strtod(p, &end);
		memcpy(&t.bits, &value, 8);
		t.kind = Token::real64;
	}
	t.text = std::string(p, (const char *)end);
	return *end == 'U' ? end + 1 : end;
}

std::vector<Token> tokens(const char *p) {
	std::vector<Token> list;
	int line = 1;
	for (;;) {
		Token t;
		if (*p == '\n')
			line++;
		t.line = line;
		if (!*p) {
			t.kind = Token::end;
			t.text = "the end of the text";
			list.push_back(t);
			return list;
		}
		if (isspace((unsigned char)*p)) {
			p++;
			continue;
		}
		if (p[0] == '/' && p[1] == '/') {
			while (*p && *p != '\n')
				p++;
			continue;
		}
		if (p[0] == '/' && p[1] == '*') {
			for (p += 2; *p && !(p[0] == '*' && p[1] == '/'); p++)
				line += *p == '\n';
			if (!*p)
				throw PTXError(t.line, "a comment has no end");
			p += 2;
			continue;
		}
		if (begins(*p)) {
			const char *q = p;
			while (goesOn(*q) || (q[0] == ':' && q[1] == ':' && goesOn(q[2])))
				q += *q == ':' ? 2 : 1;
			t.kind = Token::word;
			t.text = std::string(p, q);
			p = q;
		} else if (isdigit((unsigned char)*p)) {
			p = number(p, t);
		} else if (*p == '"') {
			const char *q = strchr(p + 1, '"');
			if (!q)
				throw PTXError(line, "a text has no end");
			t.kind = Token::quoted;
			t.text = std::string(p + 1, q);
			p = q + 1;
		} else {
			t.kind = Token::punctuation;
			t.text = std::string(1, *p++);
		}
		list.push_back(t);
	}
}

} // namespace emu
