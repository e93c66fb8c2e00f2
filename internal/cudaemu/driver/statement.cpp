// Bodies of functions: blocks, statements and their operands.
#include "parser.h"

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

void Parser::block() {
	while (!take("}")) {
		if (at(Token::end))
			fail("the body of " + fn->name + " has no end");
		if (take("{")) {
			names.push_back({});
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

void Parser::registers() {
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

void Parser::statement() {
	Statement s;
	s.line = peek().line;
	if (at(Token::word) && list[place + 1].text == ":") {
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
void Parser::call(Statement &s) {
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

Operand Parser::operand() {
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
	default: break;
	}
	throw PTXError(t.line, "'" + t.text + "' is no operand");
}

} // namespace emu
