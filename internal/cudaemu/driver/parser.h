// A parser reads tokens in order, by one function for each thing that PTX has.
#pragma once
#include "ptx.h"

namespace emu {

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
	Function *fn = nullptr;                                // whose body is read
	std::vector<std::map<std::string, std::string>> names; // by scope: as written -> unique
	int inner = 0;                                         // names of inner scopes so far

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
		std::string unique = names.size() == 1 ? name : name + "#" + std::to_string(++inner);
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

	void directive();
	static bool space(const std::string &w, Space &s);
	Variable variable(const std::string &first, bool external, bool formal = false);
	void initial(Variable &v, size_t size);
	std::vector<Variable> formals();
	void function(bool entry);
	void triple(uint32_t *n);
	void block();
	void registers();
	void statement();
	void call(Statement &s);
	Operand operand();
	bool isRegister(const std::string &name) const { return fn && fn->registers.count(name); }
};

} // namespace emu
