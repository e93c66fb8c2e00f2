// Directives and declarations.
#include "parser.h"
#include <cstring>

namespace emu {

void Parser::directive() {
	std::string w = word();
	if (w == ".version") {
		Token t = next();
		out.version = int(atof(t.text.c_str()) * 10 + 0.5);
	} else if (w == ".target") {
		do {
			std::string target = word();
			if (target.compare(0, 3, "sm_") == 0)
				out.target = atoi(target.c_str() + 3);
			else if (target != "debug" && target != "texmode_independent" && target != "texmode_unified")
				fail(".target " + target + " is not known");
		} while (take(","));
	} else if (w == ".address_size") {
		if (integer() != 64)
			fail(".address_size must be 64");
	} else if (w == ".file" || w == ".loc") {
		place--;
		skipLine();
	} else if (w == ".pragma") {
		while (!take(";"))
			next();
	} else {
		bool external = false;
		while (w == ".visible" || w == ".weak" || w == ".common" || w == ".extern") {
			external |= w == ".extern";
			w = word();
		}
		if (w == ".entry" || w == ".func")
			function(w == ".entry");
		else
			out.variables.push_back(variable(w, external));
	}
}

bool Parser::space(const std::string &w, Space &s) {
	static const std::map<std::string, Space> known = {{".global", Space::global}, {".shared", Space::shared},
		{".local", Space::local}, {".param", Space::param}, {".const", Space::constant}};
	auto it = known.find(w);
	if (it == known.end())
		return false;
	s = it->second;
	return true;
}

// variable reads the rest of ".global .align 4 .b8 name[12] = {1, 2};" without the semicolon where a list of formals
// goes on.
Variable Parser::variable(const std::string &first, bool external, bool formal) {
	Variable v;
	v.line = peek().line;
	if (!space(first, v.space))
		fail(first + " is not known here");
	uint64_t align = 0, lanes = 1;
	for (;;) {
		if (take(".align")) {
			align = integer();
		} else if (take(".v2")) {
			lanes = 2;
		} else if (take(".v4")) {
			lanes = 4;
		} else if (take(".ptr")) { // .ptr .global .align 4: a promise about the argument
			Space s;
			while (space(peek().text, s))
				place++;
		} else if (peek().text[0] == '.' && typeOf(peek().text.substr(1)) != Type::none) {
			v.type = typeOf(next().text.substr(1));
		} else {
			break;
		}
	}
	v.name = word();
	uint64_t size = bytesOf(v.type), count = lanes;
	while (take("[")) {
		if (take("]")) {
			v.external = true;
			continue;
		}
		count *= integer();
		need("]");
	}
	v.bytes = v.external ? 0 : size * count;
	v.align = align ? align : size * lanes;
	if (take("=")) {
		initial(v, size);
		if (v.external)
			v.bytes = v.initial.size(), v.external = false;
	}
	if (v.initial.size() > v.bytes)
		fail(v.name + " has more values than places");
	if (v.external && !(v.space == Space::shared && external) && !formal)
		fail(v.name + "[] has no size: only .extern .shared variables may be without");
	if (external && v.space != Space::shared)
		fail(v.name + ": variables of other modules are not supported");
	if (!formal)
		need(";");
	return v;
}

void Parser::initial(Variable &v, size_t size) {
	if (take("{")) {
		while (!take("}")) {
			initial(v, size);
			take(",");
		}
		return;
	}
	bool minus = take("-");
	Token t = next();
	uint64_t bits = t.bits;
	if (t.kind == Token::word)
		throw PTXError(t.line, v.name + ": addresses in initial values are not supported");
	if (t.kind == Token::real64 && v.type == Type::f32) {
		double d;
		memcpy(&d, &bits, 8);
		float f = (float)d;
		bits = 0;
		memcpy(&bits, &f, 4);
	}
	if (minus)
		bits = t.kind == Token::integer ? 0 - bits : bits ^ (1ull << (size * 8 - 1));
	for (size_t i = 0; i < size; i++)
		v.initial.push_back(uint8_t(bits >> (8 * i)));
}

std::vector<Variable> Parser::formals() {
	std::vector<Variable> list;
	need("(");
	while (!take(")")) {
		list.push_back(variable(word(), false, true));
		take(",");
	}
	return list;
}

void Parser::function(bool entry) {
	Function f;
	f.entry = entry;
	f.line = peek().line;
	if (at("("))
		f.results = formals();
	f.name = word();
	if (at("("))
		f.params = formals();
	for (;;) {
		if (take(".maxntid"))
			triple(f.maxThreads);
		else if (take(".reqntid"))
			triple(f.exactThreads);
		else if (take(".minnctapersm"))
			f.minBlocks = (uint32_t)integer();
		else if (take(".maxnreg"))
			f.maxRegisters = (uint32_t)integer();
		else if (!take(".noreturn"))
			break;
	}
	if (!take(";")) {
		f.body = true;
		fn = &f;
		names.assign(1, {});
		for (auto *formal : {&f.params, &f.results})
			for (auto &v : *formal)
				declare(v.name);
		need("{");
		block();
		names.clear();
		fn = nullptr;
	}
	for (auto &known : out.functions)
		if (known.name == f.name) {
			if (!known.body)
				known = std::move(f);
			else if (f.body)
				fail(f.name + " is defined twice");
			return;
		}
	out.functions.push_back(std::move(f));
}

void Parser::triple(uint32_t *n) {
	n[0] = (uint32_t)integer(), n[1] = n[2] = 1;
	for (int i = 1; i < 3 && take(","); i++)
		n[i] = (uint32_t)integer();
}

Module parse(const char *source) { return Parser(source).module(); }

} // namespace emu
