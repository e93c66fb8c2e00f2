// From tokens to a module: directives, declarations, statements and their operands.
#include "ptx.h"
#include <cstring>

namespace emu {

std::string Statement::full() const {
	std::string s;
	for (auto &part : op)
		s += (s.empty() ? "" : ".") + part;
	return s;
}

bool Statement::has(const char *modifier) const {
	for (size_t i = 1; i < op.size(); i++)
		if (op[i] == modifier)
			return true;
	return false;
}

static std::vector<std::string> split(const std::string &s) {
	std::vector<std::string> parts(1);
	for (char c : s)
		if (c == '.')
			parts.push_back("");
		else
			parts.back() += c;
	return parts;
}

namespace {

class Parser {
  public:
	explicit Parser(const char *source) : list(tokens(source)) {}

	Module module() {
		while (!at(Token::end))
			directive();
		if (!out.version || !out.target)
			fail("the module lacks .version or .target");
		return std::move(out);
	}

  private:
	std::vector<Token> list;
	size_t place = 0;
	Module out;
	Function *fn = nullptr;                               // whose body is read
	std::vector<std::map<std::string, std::string>> names; // by scope: as written -> unique
	int scopes = 0;

	const Token &peek() const { return list[place]; }
	bool at(Token::Kind k) const { return peek().kind == k; }
	bool at(const char *text) const { return peek().text == text && peek().kind != Token::quoted; }
	Token next() { return at(Token::end) ? list[place] : list[place++]; }
	[[noreturn]] void fail(const std::string &what) const { throw PTXError(peek().line, what); }
	bool take(const char *text) { return at(text) ? (place++, true) : false; }
	void need(const char *text) {
		if (!take(text))
			fail("'" + std::string(text) + "' is expected, not '" + peek().text + "'");
	}
	std::string word() {
		if (!at(Token::word))
			fail("a name is expected, not '" + peek().text + "'");
		return next().text;
	}
	uint64_t integer() {
		bool minus = take("-");
		if (!at(Token::integer))
			fail("a whole number is expected, not '" + peek().text + "'");
		uint64_t v = next().bits;
		return minus ? 0 - v : v;
	}
	void skipLine() {
		for (int line = peek().line; peek().line == line && !at(Token::end);)
			place++;
	}

	// declare gives a name of the innermost scope its unique name.
	std::string declare(const std::string &name) {
		if (names.empty())
			return name;
		std::string unique = names.size() == 1 ? name : name + "#" + std::to_string(scopes);
		if (!names.back().emplace(name, unique).second)
			fail(name + " is declared twice");
		return unique;
	}
	std::string resolve(const std::string &name) const {
		for (size_t i = names.size(); i-- > 0;) {
			auto it = names[i].find(name);
			if (it != names[i].end())
				return it->second;
		}
		return name;
	}

	void directive() {
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

	static bool space(const std::string &w, Space &s) {
		static const std::map<std::string, Space> known = {{".global", Space::global}, {".shared", Space::shared},
		    {".local", Space::local}, {".param", Space::param}, {".const", Space::constant}};
		auto it = known.find(w);
		if (it == known.end())
			return false;
		s = it->second;
		return true;
	}

	// variable reads the rest of ".global .align 4 .b8 name[12] = {1, 2};" without the semicolon where a list of formals goes on.
	Variable variable(const std::string &first, bool external, bool formal = false) {
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

	void initial(Variable &v, size_t size) {
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

	std::vector<Variable> formals() {
		std::vector<Variable> list;
		need("(");
		while (!take(")")) {
			list.push_back(variable(word(), false, true));
			take(",");
		}
		return list;
	}

	void function(bool entry) {
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

	void triple(uint32_t *n) {
		n[0] = (uint32_t)integer(), n[1] = n[2] = 1;
		for (int i = 1; i < 3 && take(","); i++)
			n[i] = (uint32_t)integer();
	}

	void block() {
		while (!take("}")) {
			if (at(Token::end))
				fail("the body of " + fn->name + " has no end");
			if (take("{")) {
				names.push_back({});
				scopes++;
				block();
				names.pop_back();
			} else if (at(".loc") || at(".file")) {
				skipLine();
			} else if (take(".pragma")) {
				while (!take(";"))
					next();
			} else if (take(".reg")) {
				registers();
			} else if (at(Token::word) && peek().text[0] == '.' && peek().text != ".branchtargets") {
				bool external = take(".extern");
				Variable v = variable(word(), external);
				v.name = declare(v.name);
				fn->variables.push_back(v);
			} else if (!take(";")) {
				statement();
			}
		}
	}

	void registers() {
		std::string w = word();
		Type type = typeOf(w.substr(1));
		if (type == Type::none)
			fail("registers of type " + w + " are not known");
		do {
			std::string name = word();
			if (take("<")) {
				uint64_t n = integer();
				need(">");
				for (uint64_t i = 0; i < n; i++)
					fn->registers[declare(name + std::to_string(i))] = type;
			} else {
				fn->registers[declare(name)] = type;
			}
		} while (take(","));
		need(";");
	}

	void statement() {
		Statement s;
		s.line = peek().line;
		if (at(Token::word) && list[place + 1].text == ":" ) {
			std::string label = word();
			place++;
			if (take(".branchtargets")) {
				auto &targets = fn->branches[label];
				do
					targets.push_back(word());
				while (take(","));
				need(";");
				return;
			}
			if (!fn->labels.emplace(label, fn->code.size()).second)
				fail("label " + label + " stands twice");
			return;
		}
		if (take("@")) {
			s.guardNegated = take("!");
			s.guard = resolve(word());
		}
		s.op = split(word());
		if (s.op[0] == "call")
			call(s);
		else if (!at(";")) {
			do
				s.args.push_back(operand());
			while (take(","));
		}
		need(";");
		fn->code.push_back(std::move(s));
	}

	// call reads "(result, ...), name, (argument, ...)".
	void call(Statement &s) {
		auto names = [&](std::vector<std::string> &list) {
			while (!take(")")) {
				list.push_back(resolve(word()));
				take(",");
			}
		};
		if (take("(")) {
			names(s.results);
			need(",");
		}
		Operand callee;
		callee.kind = Operand::symbol;
		callee.name = word();
		if (callee.name[0] == '%')
			fail("calls through pointers are not supported");
		s.args.push_back(callee);
		if (take(",")) {
			need("(");
			names(s.passed);
		}
	}

	Operand operand() {
		Operand o;
		if (take("{")) {
			o.kind = Operand::vector;
			do
				o.elements.push_back(operand());
			while (take(","));
			need("}");
			return o;
		}
		if (take("[")) {
			o.kind = Operand::address;
			if (at(Token::word)) {
				o.name = resolve(word());
				o.baseIsRegister = isRegister(o.name);
				if (take("+"))
					o.bits = integer();
				else if (at("-"))
					o.bits = integer();
			} else {
				o.bits = integer();
			}
			need("]");
			return o;
		}
		bool minus = take("-");
		o.negated = take("!");
		Token t = next();
		switch (t.kind) {
		case Token::integer:
			o.kind = Operand::integer;
			o.bits = minus ? 0 - t.bits : t.bits;
			return o;
		case Token::real32:
		case Token::real64:
			o.kind = t.kind == Token::real32 ? Operand::real32 : Operand::real64;
			o.bits = minus ? t.bits ^ (t.kind == Token::real32 ? 1ull << 31 : 1ull << 63) : t.bits;
			return o;
		case Token::word:
			if (minus)
				break;
			if (t.text == "_")
				return o;
			o.name = resolve(t.text);
			o.kind = isRegister(o.name) || o.name[0] == '%' ? Operand::reg : Operand::symbol;
			if (take("|"))
				o.elements.push_back(operand());
			else if (take("+"))
				o.bits = integer();
			return o;
		default:
			break;
		}
		throw PTXError(t.line, "'" + t.text + "' is no operand");
	}

	bool isRegister(const std::string &name) const { return fn && fn->registers.count(name); }
};

} // namespace

Module parse(const char *source) { return Parser(source).module(); }

} // namespace emu
