package datasets

import "fmt"

func ExampleVocabulary() {
	v := NewVocabulary(DefaultSymbols(), []string{"sea", "ship"})
	symbols := make([]int32, 8)
	n := v.Encode("seaship!", 0, symbols)
	fmt.Println(v.Len(), n, symbols, v.Decode(symbols))
	// Output: 8 8 [7 3 2 7 4 5 6 1] seaship�
}
